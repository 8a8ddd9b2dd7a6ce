"""Requests that no well-meaning client sends, with the status that each must be answered with.

Each is the head and the body of an HTTP request, as bytes on the wire; `{n}` in a head is the
length of the body.
"""

import base64
import gzip
import json
import zlib
from dataclasses import dataclass
from io import BytesIO
from struct import pack

import numpy as np
from PIL import Image

from tests.inference_code.costly_files import COSTLY
from tests.inference_code.picture_table import REFUSED

PICKLE = b"cposix\nsystem\n(S'touch /tmp/pwned'\ntR."


@dataclass(frozen=True)
class Hostile:
    """What is sent, and the status of the answer."""

    status: int
    head: bytes
    body: bytes = b""


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 45), **options: object) -> bytes:
    """A picture with some content in it."""
    pixels = np.random.default_rng(1).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels).resize(size), kind, **options)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def post(status: int, body: bytes, kind: str = "image/jpeg", *more: str) -> Hostile:
    """A complete POST of a body."""
    lines = ["POST /invocations HTTP/1.1", "Host: 127.0.0.1", "Content-Length: {n}", *more]
    lines += [f"Content-Type: {kind}"] if kind else []
    return raw(status, *lines, body=body)


def raw(status: int, *lines: str, body: bytes = b"") -> Hostile:
    """Any head, line by line, in latin-1."""
    head = "\r\n".join((*lines, "", "")).replace("{n}", str(len(body)))
    return Hostile(status, head.encode("latin-1"), body)


def as_json(status: int, value: object) -> Hostile:
    """A POST of a JSON document."""
    return post(status, json.dumps(value).encode(), "application/json")


def b64(data: bytes) -> dict[str, str]:
    """An instance of a JSON request."""
    return {"b64": base64.b64encode(data).decode()}


def png(width: int, height: int, *chunks: tuple[bytes, bytes], bits: int = 8) -> bytes:
    """A PNG with this header and these chunks, whatever they hold."""
    header = pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IEND", b""))
    packed = (pack(">I", len(d)) + n + d + pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG of these sides, up to where its pixels would begin."""
    whole = picture()
    start = whole.index(b"\xff\xc0")
    return whole[: start + 5] + pack(">HH", height, width) + whole[start + 9 : -200]


def scans(count: int) -> bytes:
    """A progressive JPEG with its last scan many times over."""
    whole = picture(progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + b"\xff\xd9"


def animation(kind: str) -> bytes:
    """A picture that moves."""
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    return encoded(first, kind, save_all=True, append_images=[second])


def flat(width: int, height: int) -> bytes:
    """A PNG that unpacks to very much more than it has bytes."""
    return encoded(Image.new("1", (width, height)), "PNG")


def npy_with_pickle() -> bytes:
    """An array file that runs code when it is loaded with allow_pickle."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + pack("<H", len(head)) + head + PICKLE


def chunked(body: bytes) -> bytes:
    """A body in one chunk."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


GOOD = picture()
# a lossless picture whose sides are the most that 14 bits can say
WEBP_HEADER = b"RIFF\x7a\0\0\0WEBPVP8L\x6e\0\0\0\x2f\xff\xff\xff\x0f"
LARGE = 7_000_000
HEAD = ("POST /invocations HTTP/1.1", "Host: 127.0.0.1")
JPEG = "Content-Type: image/jpeg"

PICTURES = {
    "empty": post(400, b""),
    "one byte": post(422, b"\xff"),
    "text": post(422, b"hello world"),
    "html": post(422, b"<script>alert(1)</script>"),
    "only a magic number": post(422, b"\xff\xd8\xff"),
    "JPEG cut in its header": post(422, GOOD[:100]),
    "JPEG cut in its pixels": post(422, GOOD[:-200]),
    "PNG cut": post(422, picture("PNG")[:-300], "image/png"),
    "WebP cut": post(422, picture("WEBP")[:100], "image/webp"),
    "PNG of 0 x 0": post(422, png(0, 0), "image/png"),
    "PNG of 0 x 10": post(422, png(0, 10, (b"IDAT", zlib.compress(b"\0" * 10))), "image/png"),
    "PNG of 100,000 x 100,000": post(422, png(100_000, 100_000), "image/png"),
    "PNG of 2^31 - 1": post(422, png(2**31 - 1, 2**31 - 1), "image/png"),
    "JPEG of 65,500 x 65,500": post(422, jpeg_header(65_500, 65_500)),
    "JPEG of 0 x 0": post(422, jpeg_header(0, 0)),
    "WebP of 16,384 x 16,384": post(422, WEBP_HEADER + bytes(100), "image/webp"),
    "PNG bomb": post(422, flat(9000, 9000), "image/png"),
    "PNG with damaged pixels": post(422, png(9, 9, (b"IDAT", b"no zlib at all")), "image/png"),
    "PNG with too few pixels": post(422, png(9, 9, (b"IDAT", zlib.compress(b"0"))), "image/png"),
    "PNG without pixels": post(422, png(9, 9), "image/png"),
    "PNG with a bomb in its text": post(
        422,
        png(9, 9, (b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000)))),
        "image/png",
    ),
    "PNG that moves": post(200, animation("PNG"), "image/png"),
    "WebP that moves": post(200, animation("WEBP"), "image/webp"),
    "GIF that moves": post(200, animation("GIF"), "image/gif"),
    "GIF": post(200, picture("GIF"), "image/gif"),
    "BMP": post(200, picture("BMP"), "image/bmp"),
    "TIFF": post(200, picture("TIFF"), "image/tiff"),
    "AVIF": post(200, picture("AVIF"), "image/avif"),
    "HEIC": post(422, REFUSED["heic"][0], "image/jpeg"),
    "EPS": post(422, picture("EPS"), "image/jpeg"),
    "SVG that reads a file": post(
        422, b'<svg><image href="file:///etc/passwd"/></svg>', "image/png"
    ),
    "JPEG of 1,000 scans": post(422, scans(1000)),
    "zip": post(422, b"PK\x03\x04" + bytes(100)),
    "pickle as a picture": post(422, PICKLE),
    "7 MB": post(413, bytes(LARGE)),
    "CMYK": post(200, encoded(Image.new("CMYK", (40, 40)), "JPEG")),
    "16 bits": post(200, encoded(Image.new("I;16", (40, 40), 999), "PNG"), "image/png"),
    "turned by EXIF": post(
        200,
        picture(exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    ),
    "damaged EXIF": post(200, picture(exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "1 x 1": post(200, picture(size=(1, 1))),
    "1 x 60,000": post(200, picture("PNG", size=(1, 60_000)), "image/png"),
}
JSON_BODIES = {
    "JSON: empty": post(400, b"", "application/json"),
    "JSON: broken": post(400, b'{"instances": [', "application/json"),
    "JSON: no UTF-8": post(400, b'{"instances": "\xff"}', "application/json; charset=utf-8"),
    "JSON: UTF-16": post(400, "{}".encode("utf-16"), "application/json; charset=utf-16"),
    "JSON: NaN": post(400, b'{"instances": [NaN]}', "application/json"),
    "JSON: infinity": post(400, b'{"instances": -Infinity}', "application/json"),
    "JSON: deep lists": post(400, b"[" * 100_000, "application/json"),
    "JSON: deep objects": post(400, b'{"a":' * 100_000, "application/json"),
    "JSON: a number of 10,000 digits": post(400, b"9" * 10_000, "application/json"),
    "JSON: null": as_json(422, None),
    "JSON: a list": as_json(422, [b64(GOOD)]),
    "JSON: no instances": as_json(422, {"instances": []}),
    "JSON: 10,000 instances": as_json(413, {"instances": [{}] * 10_000}),
    "JSON: 65 pictures": as_json(413, {"instances": [b64(GOOD)] * 65}),
    "JSON: a text": as_json(422, {"instances": ["a"]}),
    "JSON: a number": as_json(422, {"instances": [{"b64": 7}]}),
    "JSON: bad base64": as_json(400, {"instances": [{"b64": "%%%"}]}),
    "JSON: base64 of nothing": as_json(422, {"instances": [{"b64": ""}]}),
    "JSON: a data address": as_json(422, {"instances": [{"b64": "data:image/png;base64,AAAA"}]}),
    "JSON: an address to fetch": as_json(
        422, {"instances": [{"url": "http://169.254.169.254/latest/meta-data"}]}
    ),
    "JSON: a picture and a path": as_json(
        422, {"instances": [b64(GOOD) | {"path": "/etc/passwd"}]}
    ),
    "JSON: one bad picture of three": as_json(
        422, {"instances": [b64(GOOD), b64(b"x"), b64(GOOD)]}
    ),
    "JSON: pixels in three pictures": as_json(413, {"instances": [b64(flat(6000, 6000))] * 3}),
    "JSON: a key twice": post(
        422, b'{"instances": [{"b64": "AA=="}], "instances": []}', "application/json"
    ),
}
TYPES = {
    "another type": post(415, GOOD, "text/plain"),
    "a form": post(415, b"a=b", "application/x-www-form-urlencoded"),
    "a form that is none": post(400, b"--x\r\n", "multipart/form-data; boundary=x"),
    "a form of 500,000 parts": post(400, b"--x\r\n" * 500_000, "multipart/form-data; boundary=x"),
    "a form with a bomb of a boundary": post(
        400, b"--x\r\n", "multipart/form-data" + "; boundary=" * 1_000
    ),
    "an array": post(415, npy_with_pickle(), "application/x-npy"),
    "an array as a picture": post(422, npy_with_pickle()),
    "a pickle": post(415, PICKLE, "application/python-pickle"),
    "XML with an entity": post(
        415, b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', "text/xml"
    ),
    "a type of 5,000 letters": post(415, GOOD, "a" * 5_000),
    "a type that is a script": post(415, GOOD, "image/gif<script>alert(1)</script>"),
    "a type with a path": post(415, GOOD, "image/../../etc/passwd"),
    "an answer that cannot be had": post(406, GOOD, "image/jpeg", "Accept: image/png"),
    "an answer of no sense": post(406, GOOD, "image/jpeg", "Accept: ;q=x"),
    "gzip bomb": post(422, gzip.compress(bytes(5_000_000)), "image/jpeg", "Content-Encoding: gzip"),
    "gzip bomb as JSON": post(
        400, gzip.compress(b" " * 5_000_000), "application/json", "Content-Encoding: gzip"
    ),
}
PROTOCOL = {
    "no such path": raw(404, "GET /models HTTP/1.1", "Host: 127.0.0.1"),
    "a path out of the folder": raw(404, "GET /../../etc/passwd HTTP/1.1", "Host: 127.0.0.1"),
    "an encoded path": raw(404, "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", "Host: 127.0.0.1"),
    "GET instead of POST": raw(405, "GET /invocations HTTP/1.1", "Host: 127.0.0.1"),
    "DELETE": raw(405, "DELETE /invocations HTTP/1.1", "Host: 127.0.0.1"),
    "POST of a health check": raw(
        405, "POST /ping HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 0"
    ),
    "no HTTP": raw(400, "this is no HTTP"),
    "TLS": Hostile(400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "a header without its end": raw(400, *HEAD, "no colon here"),
    "a line feed in a header": raw(400, *HEAD, "X-A: b\n: c", JPEG, "Content-Length: 0"),
    "a NUL in a header": raw(400, *HEAD, "X-A: b\0c", JPEG, "Content-Length: 0"),
    "headers of 100 KB": raw(400, *HEAD, "X-A: " + "a" * 100_000, JPEG, "Content-Length: 0"),
    "two lengths": raw(400, *HEAD, JPEG, "Content-Length: 5", "Content-Length: 6", body=b"hello"),
    "a length below zero": raw(400, *HEAD, JPEG, "Content-Length: -1"),
    "a length of no sense": raw(400, *HEAD, JPEG, "Content-Length: 0x10"),
    "a length of 1 TB": raw(413, *HEAD, JPEG, "Content-Length: 1000000000000"),
    "chunks of no sense": raw(400, *HEAD, JPEG, "Transfer-Encoding: chunked", body=b"zz\r\n"),
    "chunks of 7 MB": raw(
        413, *HEAD, JPEG, "Transfer-Encoding: chunked", body=chunked(bytes(LARGE))
    ),
    "chunks without a picture": raw(
        400, *HEAD, JPEG, "Transfer-Encoding: chunked", body=chunked(b"")[5:]
    ),
    "a slow body": raw(408, *HEAD, JPEG, "Content-Length: 1000", body=b"x" * 10),
    "no body at all": raw(408, *HEAD, JPEG, "Content-Length: 1000"),
}
COSTS_MUCH = {name: post(422, data) for name, (data, _) in COSTLY.items() if len(data) < 1_000_000}
TABLE = PICTURES | COSTS_MUCH | JSON_BODIES | TYPES | PROTOCOL
FOREIGN = ["Traceback", "root:x:", "/tmp/", "site-packages", "<script>"]  # noqa: S108
