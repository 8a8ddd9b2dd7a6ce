"""Read what a client sends, within bounds on bytes and time; and format errors."""

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

MAXIMUM_BODY = 6_291_456  # SageMaker's own limit
BODY_SECONDS = 10.0


class BodyError(Exception):
    """A body that cannot be had: an HTTP status, a code and a message to answer with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


async def read_body(request: "Request", maximum: int, seconds: float = BODY_SECONDS) -> bytes:
    """Read the body of a request.

    Raises BodyError as soon as it is larger than `maximum` bytes (413), when it is not there in
    `seconds` (408), and when the client goes away before (400).
    """
    from starlette.requests import ClientDisconnect  # noqa: PLC0415 (commands need the limit only)

    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > maximum:
        raise _too_large(maximum)
    chunks = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                chunks += chunk
                if len(chunks) > maximum:
                    raise _too_large(maximum)
    except TimeoutError:
        message = f"the body was not complete after {seconds:g} s"
        raise BodyError(408, "BodyTooSlow", message) from None
    except ClientDisconnect:
        raise BodyError(400, "IncompleteBody", "the client went away") from None
    return bytes(chunks)


def error_body(code: str, message: str) -> bytes:
    """Format an error as every endpoint of ours answers it."""
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def _too_large(maximum: int) -> BodyError:
    return BodyError(413, "BodyTooLarge", f"the body is larger than {maximum} bytes")
