"""Say that a request cannot be answered, as every server of ours answers it."""

import json
from http import HTTPStatus
from typing import NoReturn


class RequestError(Exception):
    """The request cannot be answered: a status, a code for programs, a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.phrase = HTTPStatus(status).phrase

    def body(self) -> str:
        """Return the answer to send: `{"error": {"code": ..., "message": ...}}`."""
        return json.dumps({"error": {"code": self.code, "message": self.message}})


def refuse(status: int, code: str, message: str) -> NoReturn:
    """Raise RequestError, without the traceback of its cause."""
    raise RequestError(status, code, message) from None
