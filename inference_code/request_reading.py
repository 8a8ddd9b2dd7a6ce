"""Read a request's pictures, or refuse it: no picture is decoded, nothing fetched or unpickled.

A picture is known by its bytes. A content type says only whether it comes as it is, in a form or
in JSON; one that says nothing of the kind (or none at all) leaves that to the bytes too.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from picture_formats import MIME_TYPES, format_of
from request_errors import refuse
from request_forms import read_file
from request_json import Identity, read_instances

Body = bytes | bytearray | str | None  # TorchServe hands some forms over as None

JSON_TYPE = "application/json"
FORM_TYPE = "multipart/form-data"
BYTES_TYPE = "application/octet-stream"
MAX_BODY_BYTES = 6_291_456  # SageMaker's own limit
# What clients send that do not look at the file: nothing, a browser's and S3's word for any bytes,
# and the words of SageMaker's image algorithms and of its SDK's serializer of files.
_ANY_BYTES = ("", "*/*", BYTES_TYPE, "binary/octet-stream", "file-path/raw-bytes")
_PICTURES = re.compile(r"image/[a-z0-9.+*-]{1,40}|application/x-image")
_JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}\{")
_CURLS_OWN = "application/x-www-form-urlencoded"
_PLAIN_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}")


@dataclass(frozen=True)
class PictureRequest:
    """The pictures of a request as they were sent, not decoded yet.

    `ids`, one for each picture, are given back in the answer; empty when the request has none.
    `explain`: the answers are to say why.
    """

    pictures: list[bytes]
    ids: tuple[Identity, ...] = ()
    explain: bool = False


def read_request(body: Body, content_type: str | None) -> PictureRequest:
    """Return the pictures of a request; raises RequestError.

    Parameters of the content type (`; charset=utf-8`) are accepted, and ignored but for a form.
    """
    size = len(body or b"")
    if size > MAX_BODY_BYTES:
        refuse(413, "BodyTooLarge", f"{size:,} bytes; at most {MAX_BODY_BYTES:,} are read")
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind not in (JSON_TYPE, FORM_TYPE, *_ANY_BYTES) and not _PICTURES.fullmatch(kind):
        _refuse_type(kind)
    if isinstance(body, str):
        return _text_request(body, kind)
    data = bytes(body or b"")
    if format_of(data) is not None:
        return PictureRequest([data])
    if kind == JSON_TYPE or (kind in _ANY_BYTES and _JSON_START.match(data)):
        return PictureRequest(*read_instances(data))
    if kind == FORM_TYPE and data:
        data = read_file(data, content_type or "")
    if not data:
        own = "; not every model server hands a form's file over" if kind == FORM_TYPE else ""
        refuse(400, "NoPicture", f"no picture came: the body must be the bytes of one{own}")
    return PictureRequest([data])


def _text_request(text: str, kind: str) -> PictureRequest:
    if kind != JSON_TYPE:
        refuse(400, "NoPicture", "the body must be the bytes of one picture, not text")
    return PictureRequest(*read_instances(text))


def _refuse_type(kind: str) -> NoReturn:
    known = ", ".join((*MIME_TYPES, BYTES_TYPE, FORM_TYPE, JSON_TYPE))
    # what could be markup is not sent back
    given = f"{kind} is" if _PLAIN_TYPE.fullmatch(kind) else "is"
    own = " (curl's own: name another with -H 'Content-Type: ...')" if kind == _CURLS_OWN else ""
    message = f"Content-Type {given} not supported{own}; send one of {known}"
    refuse(415, "UnsupportedContentType", message)
