"""Read the one picture of a form: multipart/form-data, as browsers and `curl -F` send it."""

import re

from request_errors import refuse

_MOST_PARTS = 16
_MOST_HEAD_BYTES = 8_192
_BOUNDARY = re.compile(
    r""";\s*boundary=("?)([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])\1\s*(;|$)""",
    re.ASCII | re.IGNORECASE,
)
_FILE = re.compile(
    rb"^content-disposition:[^\r\n]*;\s*filename\*?\s*=", re.IGNORECASE | re.MULTILINE
)


def read_file(body: bytes, content_type: str) -> bytes:
    """Return the only file of a form, whatever its field is called; raises RequestError.

    A form without a file may have one field: it is the picture. Fields of text beside a file are
    passed over, and so are files that were not chosen; b"" when none was.
    """
    parts = [_part(part) for part in _parts(body, _boundary(content_type))]
    files = [data for head, data in parts if _FILE.search(head)]
    if not files and len(parts) == 1:
        files = [parts[0][1]]
    chosen = [data for data in files if data] or files[:1]
    if len(chosen) != 1:
        several = 'several pictures go as JSON, {"instances": [{"b64": "..."}, ...]}'
        refuse(422, "NotOneFile", f"the form holds {len(chosen)} files and must hold 1; {several}")
    return chosen[0]


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        refuse(400, "InvalidForm", "the Content-Type names no boundary: let the client set it")
    return found[2].encode()


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Split a form at its boundary: each part begins with the rest of the boundary's line."""
    _before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, _MOST_PARTS + 1)
    ends = [place for place, part in enumerate(parts) if part.startswith(b"--")]
    if not ends:
        refuse(400, "InvalidForm", "the form is cut short, or has too many parts")
    return parts[: ends[0]]


def _part(part: bytes) -> tuple[bytes, bytes]:
    """Return a part's head and its content."""
    rest, line_end, _ = part.partition(b"\r\n")
    head, found, data = part[len(rest) :].partition(b"\r\n\r\n")
    if rest.strip() or not line_end or not found or len(head) > _MOST_HEAD_BYTES:
        refuse(400, "InvalidForm", "a part of the form has no head that can be read")
    return head, data
