"""Read a request's pictures, or refuse it: no picture is decoded, nothing fetched or unpickled."""

import base64
import json
import re
from http import HTTPStatus
from typing import Any, NoReturn

from picture_formats import MIME_TYPES

Body = bytes | bytearray | str | None  # TorchServe hands form-encoded bodies over as None

JSON_TYPE = "application/json"
MAX_BODY_BYTES = 6_291_456  # SageMaker's own limit
MAX_PICTURES = 64
_PLAIN_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}")


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


def read_pictures(body: Body, content_type: str | None) -> list[bytes]:
    """Return the pictures of a request as they were sent, not decoded yet; raises RequestError.

    Parameters of the content type (`; charset=utf-8`) are accepted and ignored.
    """
    body = b"" if body is None else body
    size = len(body)
    if size > MAX_BODY_BYTES:
        refuse(413, "BodyTooLarge", f"{size:,} bytes; at most {MAX_BODY_BYTES:,} are read")
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == JSON_TYPE:
        return _json_pictures(body)
    if kind not in MIME_TYPES:
        known = ", ".join((*MIME_TYPES, JSON_TYPE))
        given = "is missing" if not kind else f"{kind} is not supported"
        if kind and not _PLAIN_TYPE.fullmatch(kind):
            given = "is not supported"  # what could be markup is not sent back
        refuse(415, "UnsupportedContentType", f"Content-Type {given}; send one of {known}")
    if isinstance(body, str) or not body:
        refuse(400, "NoPicture", "the body must be the bytes of one picture")
    return [bytes(body)]


def _json_pictures(body: bytes | bytearray | str) -> list[bytes]:
    try:
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        request = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        refuse(400, "InvalidJson", "the body is not valid JSON: nested too deeply")
    except UnicodeDecodeError:
        refuse(400, "InvalidJson", "the body is not valid JSON: it must be UTF-8")
    except ValueError as error:  # its text holds a place, never the content
        refuse(400, "InvalidJson", f"the body is not valid JSON: {str(error)[:200]}")
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list) or not instances:
        refuse(422, "NoInstances", 'send {"instances": [{"b64": "..."}, ...]}')
    if len(instances) > MAX_PICTURES:
        refuse(413, "TooManyPictures", f"{len(instances)} pictures; at most {MAX_PICTURES} fit")
    return [_instance_bytes(instance, place) for place, instance in enumerate(instances)]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _instance_bytes(instance: Any, place: int) -> bytes:
    if not isinstance(instance, dict) or set(instance) != {"b64"}:
        refuse(422, "InvalidInstance", f'instances[{place}] must be {{"b64": "..."}} and no more')
    if not isinstance(instance["b64"], str):
        refuse(422, "InvalidInstance", f"instances[{place}].b64 must be a string")
    try:
        data = base64.b64decode("".join(instance["b64"].split()), validate=True)
    except ValueError:
        refuse(400, "InvalidBase64", f"instances[{place}].b64 is not valid base64")
    if not data:
        refuse(422, "UnusableImage", f"picture {place} cannot be used: it is empty")
    return data
