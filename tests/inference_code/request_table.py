"""Requests as clients send them, with what each must be answered with. A row is all one needs."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from tests.inference_code.hostile_requests import GOOD, picture

JSON = "application/json"
FORM = "multipart/form-data"
BYTES = "application/octet-stream"
CURL = "application/x-www-form-urlencoded"
PNG = picture("PNG")
TEXT = base64.b64encode(GOOD).decode()
WEB_TEXT = base64.urlsafe_b64encode(GOOD).decode()
HEAD = 'Content-Disposition: form-data; name="a"'
FILE = f'{HEAD}; filename="dog.jpg"\r\nContent-Type: image/jpeg'


@dataclass(frozen=True)
class Asked:
    """A request, and its answer: how many pictures with which ids, or an error's code.

    `aws` is the status where AWS's toolkit refuses the body before our code sees it.
    """

    kind: str | None
    body: bytes
    pictures: int = 1
    ids: tuple[Any, ...] = ()
    error: str = ""
    status: int = 200
    aws: int | None = None


def refused(status: int, error: str, kind: str | None, body: bytes) -> Asked:
    """A request without a good answer."""
    return Asked(kind, body, error=error, status=status)


def instances(*values: dict[str, Any]) -> bytes:
    """A JSON request."""
    return json.dumps({"instances": values}).encode()


def form(*parts: tuple[str, bytes], boundary: str = "x", end: str = "--\r\n") -> bytes:
    """A form: the head and the content of each part."""
    written = (f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts)
    return b"".join(written) + f"--{boundary}{end}".encode()


def named(ids: tuple[Any, ...], *values: dict[str, Any], error: str = "") -> Asked:
    """A JSON request whose pictures have ids."""
    status = 422 if error else 200
    return Asked(JSON, instances(*values), len(values), ids, error, status)


BY_TYPE = {
    "JPEG": Asked("image/jpeg", GOOD),
    "PNG": Asked("image/png", PNG),
    "WebP": Asked("image/webp", picture("WEBP")),
    "jpg": Asked("image/jpg", GOOD),
    "pjpeg, as Internet Explorer said": Asked("image/pjpeg", GOOD),
    "x-png": Asked("image/x-png", PNG),
    "any image": Asked("image/*", GOOD),
    "an image of another type": Asked("image/png", GOOD),
    "an image of a type that is not read": Asked("image/heic", GOOD),
    "an image's type in capitals": Asked("IMAGE/JPEG; q=1", GOOD),
    "an image's type with a name": Asked(" image/jpeg ;name=dog.jpg", GOOD),
    "x-image, of SageMaker's image algorithms": Asked("application/x-image", GOOD),
    "x-image, of Hugging Face's": Asked("image/x-image", PNG),
    "any bytes": Asked(BYTES, GOOD),
    "any bytes, as S3 says it": Asked("binary/octet-stream", GOOD),
    "any bytes, as SageMaker's DataSerializer says it": Asked("file-path/raw-bytes", PNG),
    "anything": Asked("*/*", GOOD),
    "no type": Asked("", GOOD),
    "none at all": Asked(None, PNG),
    "a picture that is said to be JSON": Asked(JSON, GOOD, aws=500),
    "text as an image": refused(422, "UnusableImage", "image/jpeg", b"hello"),
    "text of no type": refused(422, "UnusableImage", "", b"hello"),
    "SVG": refused(422, "UnusableImage", "image/svg+xml", b"<svg/>"),
    "nothing of no type": refused(400, "NoPicture", "", b""),
    "nothing as an image": refused(400, "NoPicture", "image/jpeg", b""),
    "a type with a path in it": refused(415, "UnsupportedContentType", "image/../a", GOOD),
    "an array": refused(415, "UnsupportedContentType", "application/x-npy", GOOD),
    "text": refused(415, "UnsupportedContentType", "text/plain", GOOD),
    "lines of JSON": refused(415, "UnsupportedContentType", "application/jsonlines", b"{}"),
}
BY_JSON = {
    "one": Asked(JSON, instances({"b64": TEXT})),
    "three": Asked(JSON, instances(*[{"b64": TEXT}] * 3), 3),
    "with a charset": Asked(f"{JSON}; charset=utf-8", instances({"b64": TEXT})),
    "of no type": Asked("", instances({"b64": TEXT})),
    "with a byte order mark": Asked(JSON, b"\xef\xbb\xbf" + instances({"b64": TEXT})),
    "as any bytes": Asked(BYTES, b"\r\n " + instances({"b64": TEXT})),
    "of no type, with a byte order mark": Asked("", b"\xef\xbb\xbf" + instances({"b64": TEXT})),
    "a data address in capitals": Asked(
        JSON, instances({"b64": f"DATA:image/png;name=my photo.png;BASE64,{TEXT}"})
    ),
    "a data address": Asked(JSON, instances({"b64": f"data:image/jpeg;base64,{TEXT}"})),
    "a data address of another type": Asked(
        JSON, instances({"b64": f"data:text/plain;base64,{TEXT}"})
    ),
    "a data address of no type": Asked(JSON, instances({"b64": f"data:;base64,{TEXT}"})),
    "a data address with a charset": Asked(
        JSON, instances({"b64": f"data:image/png;charset=utf-8;base64,{TEXT}"})
    ),
    "for addresses": Asked(JSON, instances({"b64": WEB_TEXT})),
    "for addresses, unpadded": Asked(JSON, instances({"b64": WEB_TEXT.rstrip("=")})),
    "unpadded": Asked(JSON, instances({"b64": TEXT.rstrip("=")})),
    "in lines": Asked(JSON, instances({"b64": base64.encodebytes(GOOD).decode()})),
    "an id": named(("a 1/2 é",), {"b64": TEXT, "id": "a 1/2 é"}),
    "a number for an id": named((7,), {"b64": TEXT, "id": 7}),
    "ids": named(("a", "a", None), *[{"b64": TEXT, "id": i} for i in ("a", "a", None)]),
    "an id of two": named((None, "b"), {"b64": TEXT}, {"b64": TEXT, "id": "b"}),
    "an id that is a list": named((), {"b64": TEXT, "id": ["a"]}, error="InvalidInstance"),
    "an id that is a fraction": named((), {"b64": TEXT, "id": 0.5}, error="InvalidInstance"),
    "an id that is true": named((), {"b64": TEXT, "id": True}, error="InvalidInstance"),
    "an id of two lines": named((), {"b64": TEXT, "id": "a\nb"}, error="InvalidInstance"),
    "an id of half a letter": named((), {"b64": TEXT, "id": "\ud800"}, error="InvalidInstance"),
    "an id of 257 letters": named((), {"b64": TEXT, "id": "a" * 257}, error="InvalidInstance"),
    "an id of 20 digits": named((), {"b64": TEXT, "id": 10**20}, error="InvalidInstance"),
    "an id alone": named((), {"id": "a"}, error="InvalidInstance"),
    "an address": named((), {"b64": TEXT, "url": "http://a/b.jpg"}, error="InvalidInstance"),
    "a data address in percents": refused(
        400, "InvalidBase64", JSON, instances({"b64": "data:image/png,%89PNG"})
    ),
    "too much padding": refused(400, "InvalidBase64", JSON, instances({"b64": "AAAA==="})),
    "padding in the middle": refused(400, "InvalidBase64", JSON, instances({"b64": "AA==AA=="})),
    "a letter too many": refused(400, "InvalidBase64", JSON, instances({"b64": "AAAAA"})),
    "a data address of nothing": refused(
        422, "UnusableImage", JSON, instances({"b64": "data:image/png;base64,"})
    ),
}
BY_FORM = {
    "a file": Asked(f"{FORM}; boundary=x", form((FILE, GOOD))),
    "a file with line ends in it": Asked(f"{FORM}; boundary=x", form((FILE, GOOD + b"\r\n--\r\n"))),
    "a file of no type": Asked(f"{FORM}; boundary=x", form((FILE.partition("\r\n")[0], PNG))),
    "a file with a name in UTF-8": Asked(
        f"{FORM}; boundary=x", form((f"{HEAD}; filename*=UTF-8''%C3%A9.jpg", GOOD))
    ),
    "a field": Asked(f"{FORM}; boundary=x", form((HEAD, GOOD))),
    "a file and fields": Asked(
        f"{FORM}; boundary=x", form((HEAD, b"1"), (FILE, GOOD), (HEAD, b""))
    ),
    "a file and one that was not chosen": Asked(
        f"{FORM}; boundary=x", form((FILE, GOOD), (f'{HEAD}; filename=""', b""))
    ),
    "a boundary in quotes": Asked(
        f'{FORM}; charset=utf-8; boundary="a b?"', form((FILE, GOOD), boundary="a b?")
    ),
    "a browser's boundary": Asked(
        "Multipart/Form-Data; boundary=----WebKitFormBoundaryA1b2",
        form((FILE, GOOD), boundary="----WebKitFormBoundaryA1b2"),
    ),
    "words before the form": Asked(f"{FORM}; boundary=x", b"MIME\r\n" + form((FILE, GOOD))),
    "a server has taken the file out": Asked(f"{FORM}; boundary=x", GOOD),
    "a server has taken it all": refused(400, "NoPicture", FORM, b""),
    "two files": refused(
        422, "NotOneFile", f"{FORM}; boundary=x", form((FILE, GOOD), (FILE, GOOD))
    ),
    "two fields": refused(
        422, "NotOneFile", f"{FORM}; boundary=x", form((HEAD, b"1"), (HEAD, b"2"))
    ),
    "no part": refused(422, "NotOneFile", f"{FORM}; boundary=x", form()),
    "a file that was not chosen": refused(
        400, "NoPicture", f"{FORM}; boundary=x", form((f'{HEAD}; filename=""', b""))
    ),
    "a file of text": refused(422, "UnusableImage", f"{FORM}; boundary=x", form((FILE, b"hello"))),
    "no boundary": refused(400, "InvalidForm", FORM, form((FILE, GOOD))),
    "another boundary": refused(400, "InvalidForm", f"{FORM}; boundary=y", form((FILE, GOOD))),
    "a boundary of 71 letters": refused(
        400, "InvalidForm", f"{FORM}; boundary={'x' * 71}", form((FILE, GOOD), boundary="x" * 71)
    ),
    "a form cut short": refused(
        400, "InvalidForm", f"{FORM}; boundary=x", form((FILE, GOOD))[:-10]
    ),
    "a part without a head": refused(
        400, "InvalidForm", f"{FORM}; boundary=x", b"--x\r\nabc\r\n--x--\r\n"
    ),
    "a line that goes on behind the boundary": refused(
        400, "InvalidForm", f"{FORM}; boundary=x", b"--xy\r\n\r\nabc\r\n--x--\r\n"
    ),
    "a head of 9,000 letters": refused(
        400, "InvalidForm", f"{FORM}; boundary=x", form((f"{FILE}; a={'b' * 9000}", GOOD))
    ),
    "a thousand parts": refused(
        400, "InvalidForm", f"{FORM}; boundary=x", form(*[(HEAD, b"1")] * 1000)
    ),
    "curl's own type": refused(415, "UnsupportedContentType", CURL, GOOD),
}
TABLE = {
    f"{group}: {name}": asked
    for group, rows in {"type": BY_TYPE, "JSON": BY_JSON, "form": BY_FORM}.items()
    for name, asked in rows.items()
}
