"""Make a picture to ask an endpoint about where there is none of the data."""

import struct
import zlib

MIME_TYPE = "image/png"
_SIDE = 64


def grey_picture() -> bytes:
    """Return a grey PNG: only a model that loaded and computes can answer it."""
    row = b"\0" + b"\x80" * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
