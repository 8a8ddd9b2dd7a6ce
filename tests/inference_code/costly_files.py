"""Small files that would cost a decoder very much, each with the reason that it is refused for."""

import struct

from tests.inference_code.picture_table import RGB, TABLE, halves
from tests.inference_code.tiff_files import IN_RGB, STRIPS, TILES, tiff

EXIF, GPS = 34665, 34853


def shared(count: int, size: int, content: bytes = b"", place: int = 0) -> bytes:
    """A TIFF directory of many tags that all name the same bytes."""
    tags = b"".join(
        struct.pack("<HHLL", (40_000 + n) % 65_536, 7, size, place) for n in range(count)
    )
    return struct.pack("<H", count) + tags + bytes(4) + content


def exif_bomb(count: int = 1_000, size: int = 200_000) -> bytes:
    """EXIF of some 200 KB that is 200 MB when it is read."""
    return b"II*\0\x08\0\0\0" + shared(count, size, bytes(size), 8 + 6 + 12 * count)


def nested_bomb(pointer: int) -> bytes:
    """A sound TIFF with such a directory inside."""
    first = tiff(RGB, IN_RGB, tags={pointer: ("L", [0])})
    sound = tiff(RGB, IN_RGB, tags={pointer: ("L", [len(first)])})
    return sound + shared(1_000, 200_000, bytes(200_000), len(sound) + 6 + 12_000)


def jpeg_segments(blob: bytes) -> bytes:
    """A JPEG with EXIF spread over as many segments as it takes."""
    parts = [blob[start : start + 65_000] for start in range(0, len(blob), 65_000)]
    body = (b"Exif\0\0" + part for part in parts)
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in body)
    return TABLE["jpeg"].data[:2] + segments + TABLE["jpeg"].data[2:]


def runs(width: int, height: int, content: bytes = b"\1\0\0\0") -> bytes:
    """A BMP of run lengths that claims these sides."""
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 62)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 2, 2)
    return head + info + bytes([1, 0, 0, 0, 0, 1, 0, 0]) + content


GIF = TABLE["gif"].data
COSTLY: dict[str, tuple[bytes, str]] = {
    "tiff of 100,000 tags": (
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 100_000) + bytes(2_000_000),
        "a directory of 100,000 tags",
    ),
    "tiff of tags that share their bytes": (exif_bomb(), "together larger than the file"),
    "tiff with such exif": (nested_bomb(EXIF), "together larger than the file"),
    "tiff with such gps": (nested_bomb(GPS), "together larger than the file"),
    "tiff of 200,000 strips": (
        tiff(RGB, IN_RGB, tags={STRIPS: ("L", [9] * 200_000)}),
        "200,000 strips or tiles",
    ),
    "tiff of tiles far larger than itself": (
        tiff(RGB, IN_RGB, tags={322: ("L", [60_000]), 323: ("L", [60_000]), TILES: ("L", [9])}),
        "8 x 8 pixels in tiles of 60000 x 60000",
    ),
    "tiff of one column in wide tiles": (
        tiff(
            halves(0, 1),
            tags={
                256: ("L", [1]),
                257: ("L", [9_000_000]),
                322: ("L", [1024]),
                323: ("L", [1024]),
                TILES: ("L", [9] * 9_000),
            },
        ),
        "in tiles of 1024 x 1024",
    ),
    "tiff whose compression is no number": (
        tiff(RGB, IN_RGB, tags={259: ("B", [1])}).replace(
            struct.pack("<HH", 259, 1), struct.pack("<HH", 259, 12)
        ),
        "tag 259 is no whole number",
    ),
    "tiff of two compressions": (
        tiff(RGB, IN_RGB, tags={260: ("H", [34925])}).replace(
            struct.pack("<HH", 260, 3), struct.pack("<HH", 259, 3)
        ),
        "tag 259 is there twice",
    ),
    "tiff of 100,000 x 100,000": (
        tiff(RGB, IN_RGB, tags={256: ("L", [100_000]), 257: ("L", [100_000])}),
        "pixels; at most 70,000,000 are decoded",
    ),
    "jpeg of much exif": (jpeg_segments(exif_bomb()), "the tags of its EXIF are together larger"),
    "jpeg of very many segments": (
        b"\xff\xd8" + b"\xff\xe3\0\2" * 20_000 + TABLE["jpeg"].data[2:],
        "more than 10,000 segments",
    ),
    "bmp of run lengths, large": (runs(5_000, 5_000), "large BMP of run lengths"),
    "bmp of run lengths, wide": (runs(1_000_000, 1), "large BMP of run lengths"),
    "bmp of run lengths, long": (runs(9, 9, bytes(5_000_000)), "large BMP of run lengths"),
    "bmp of 2^31 - 1": (
        TABLE["bmp"].data[:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + TABLE["bmp"].data[26:],
        "pixels; at most 70,000,000 are decoded",
    ),
    "gif of 65,535 x 65,535": (
        GIF[:6] + b"\xff" * 4 + GIF[10:],
        "pixels; at most 70,000,000 are decoded",
    ),
    "gif without a picture": (
        GIF[: GIF.index(b",")] + b";" + GIF[GIF.index(b",") :],
        "damaged or cut short",
    ),
    "gif cut short": (GIF[:-4], "damaged or cut short"),
    "gif of nothing": (b"GIF89a", "damaged or cut short"),
}
