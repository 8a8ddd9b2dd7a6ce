"""Refuse what a web page could send to a server on loopback: a foreign Host or Origin."""

from typing import Any
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LoopbackOnly:
    """Middleware that answers this machine's own programs only, and others with `refusal`.

    A page of another site cannot choose these headers, not even when its name leads to loopback.
    """

    def __init__(self, app: Any, refusal: bytes) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not _is_own(scope):
            headers = [(b"content-type", b"application/json")]
            headers.append((b"content-length", str(len(self._refusal)).encode()))
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": self._refusal})
            return
        await self._app(scope, receive, send)


def _is_own(scope: Any) -> bool:
    headers = dict(scope.get("headers") or [])
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    return _is_loopback(f"//{host}") and (not origin or _is_loopback(origin))


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False
