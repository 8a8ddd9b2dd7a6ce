"""Let only the person who started the console look and act: token, cookie, Host, Origin, CSRF.

The printed address has a token that works once; whoever brings it gets a cookie, and the next
address is said. Every program and user of this machine can reach the port, and so can the pages of
other sites and of other servers on loopback: their cookies go to every port of a host. So the Host
and the Origin must be this server's own, port included, and a deed needs what only our pages have.
A cookie that another user's server was sent is of no use to it: a session is good for the programs
of the user who brought the token.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pipeline.console.peers import peer_uid

if TYPE_CHECKING:
    from starlette.requests import Request

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",  # with no-referrer, a form's Origin would be "null"
    b"cache-control": b"no-store",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_NAMES = ("127.0.0.1", "localhost")
_READING = ("GET", "HEAD")
_OPEN_ANEW = (
    "This console answers the person who started it.\n"
    "Open the newest address that `python -m pipeline.console` printed in its terminal.\n"
)
# A page and not a redirect: after a link in another site's page, a strict cookie would not come.
_ENTERED = (
    b'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Console</title>'
    b'<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0;url=/"></head>'
    b'<body><main><h1>Console</h1><p><a href="/">Go on</a></p></main></body></html>'
)


class Keys:
    """The secrets of one console: its token, which works once, and the sessions that it opened."""

    def __init__(self, say_token: Callable[[str], None] = lambda _token: None) -> None:
        """`say_token` is told every token but the first."""
        self._say_token = say_token
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, int | None] = {}
        self.token = secrets.token_urlsafe(32)

    def enter(self, token: str, uid: int | None = None) -> str | None:
        """Exchange the token for a new session of that user; None for any other word."""
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return None
        self.token = secrets.token_urlsafe(32)
        session = secrets.token_urlsafe(32)
        self._sessions[session] = uid
        self._say_token(self.token)
        return session

    def knows(self, session: str, uid: int | None = None) -> bool:
        """Check whether that session was opened here, by that user where both are known."""
        if session not in self._sessions:
            return False
        owner = self._sessions[session]
        return None in (owner, uid) or owner == uid

    def csrf(self, session: str) -> str:
        """Return the word that forms of a session carry."""
        return hmac.digest(self._secret, session.encode(), "sha256").hex()


class Guard:
    """Middleware that lets in who holds the cookie, and gives every answer its headers."""

    def __init__(self, app: Any, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send)
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers") or []}
        if not _is_own(scope, headers):
            await _refuse(answer, "This console answers only at its own address.\n")
            return
        if entered := self._entered(scope):
            await _say(answer, 200, b"text/html; charset=utf-8", _ENTERED, cookie=entered)
            return
        session = _cookies(headers).get(cookie_name(scope["server"][1]), "")
        if not self._keys.knows(session, _uid(scope)):
            await _refuse(answer, _OPEN_ANEW)
            return
        scope.setdefault("state", {})["csrf"] = self._keys.csrf(session)
        await self._app(scope, receive, answer)

    def _entered(self, scope: Any) -> str | None:
        """Return the cookie for a request that brings the token; None for any other."""
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["method"] != "GET" or scope["path"] != "/" or not token:
            return None
        session = self._keys.enter(token, _uid(scope))
        name = cookie_name(scope["server"][1])
        return f"{name}={session}; HttpOnly; SameSite=Strict; Path=/" if session else None


def cookie_name(port: int) -> str:
    """Name the cookie by the port: cookies of a host are shared by all of its servers."""
    return f"console-{port}"


def csrf_of(request: "Request") -> str:
    """Return the word that a form on the answer must carry."""
    return str(request.state.csrf)


def is_from_our_page(request: "Request", given: str) -> bool:
    """Check the word that came with a deed, from its form or its header."""
    given = given or request.headers.get(CSRF_HEADER, "")
    return hmac.compare_digest(given.encode(), csrf_of(request).encode())


def _is_own(scope: Any, headers: dict[bytes, str]) -> bool:
    port, host = scope["server"][1], headers.get(b"host", "")
    own = {f"{name}:{port}" for name in _NAMES} | (set(_NAMES) if port == 80 else set())
    origin = headers.get(b"origin")
    if host not in own or origin not in (None, f"http://{host}"):
        return False
    # Browsers say where a request comes from, and no page can change it.
    site = headers.get(b"sec-fetch-site", "same-origin")
    return scope["method"] in _READING or site == "same-origin"


def _uid(scope: Any) -> int | None:
    client, server = scope.get("client"), scope.get("server")
    return peer_uid(tuple(client), tuple(server)) if client and server else None


def _cookies(headers: dict[bytes, str]) -> dict[str, str]:
    try:
        found = SimpleCookie(headers.get(b"cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


def _with_headers(send: Any) -> Any:
    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers") or [])
            names = {name.lower() for name, _ in own}
            more = [(name, value) for name, value in _HEADERS.items() if name not in names]
            message = {**message, "headers": [*own, *more]}
        await send(message)

    return sent


async def _refuse(send: Any, text: str) -> None:
    await _say(send, 403, b"text/plain; charset=utf-8", text.encode())


async def _say(send: Any, status: int, kind: bytes, body: bytes, cookie: str = "") -> None:
    headers: Iterable[tuple[bytes, bytes]] = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        *([(b"set-cookie", cookie.encode())] if cookie else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
