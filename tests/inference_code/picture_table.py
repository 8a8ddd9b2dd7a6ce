"""Pictures of every format and kind, each with what it must look like: adding one is a line.

All show one thing: a ground on the left and a shape on the right, two colours on 8 x 8 pixels.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from picture_notes import Note
from tests.inference_code.tiff_files import (
    DEFLATE,
    II,
    IN_CMYK,
    IN_RGB,
    MM,
    PLANES,
    TILES,
    WHITE_IS_ZERO,
    tiff,
)

Array = npt.NDArray[Any]
Colour = tuple[int, int, int]

SIDE = 8
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GREY, RED, BLUE = (128, 128, 128), (254, 0, 0), (0, 0, 254)
FIRST, ON_WHITE = (Note.FIRST_PICTURE,), (Note.ON_WHITE,)
DECLARED, GUESSED = (Note.DECLARED_BITS,), (Note.GUESSED_BITS,)


@dataclass(frozen=True)
class Shown:
    """A picture's bytes, the colours of its ground and shape, the notes, and how exact it is."""

    data: bytes
    ground: Colour
    shape: Colour
    notes: tuple[Note, ...] = ()
    tolerance: int = 0


def halves(ground: Any, shape: Any, dtype: Any = np.uint8) -> Array:
    """The picture as an array: (8, 8), or (8, 8, C) where the colours have channels."""
    ground, shape = np.asarray(ground, dtype), np.asarray(shape, dtype)
    pixels = np.empty((SIDE, SIDE, *ground.shape), dtype)
    pixels[:, : SIDE // 2], pixels[:, SIDE // 2 :] = ground, shape
    return pixels


def encoded(image: Image.Image | Array, form: str, **options: Any) -> bytes:
    """Encode with Pillow."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def several(form: str, **options: Any) -> bytes:
    """A file of two pictures: the second one is all green."""
    second = Image.new("RGB", (SIDE, SIDE), (0, 255, 0))
    first = Image.fromarray(halves(RED, BLUE))
    return encoded(first, form, save_all=True, append_images=[second], **options)


def palette(ground: Colour, shape: Colour, **options: Any) -> Image.Image:
    """A picture of a palette: its ground is colour 0 and its shape colour 1."""
    image = Image.fromarray(halves(0, 1), "P")
    image.putpalette([*ground, *shape])
    image.info |= options
    return image


GREY_PNG, COLOUR_PNG, GREY_ALPHA_PNG, COLOUR_ALPHA_PNG = 0, 2, 4, 6


def png(
    pixels: Array, kind: int, chunks: Mapping[bytes, bytes] | None = None, bits: int = 0
) -> bytes:
    """A PNG of these samples, of 8 or 16 bits or, in bytes that are packed already, of fewer."""
    bits = bits or pixels.dtype.itemsize * 8
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(SIDE, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, bits, kind, 0, 0, 0)
    parts = {b"IHDR": head, **(chunks or {}), b"IDAT": packed, b"IEND": b""}
    written = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def twelve_bits(ground: int, shape: int) -> bytes:
    """Rows of samples of 12 bits, two in three bytes."""
    pair = {value: (value << 12 | value).to_bytes(3, "big") for value in (ground, shape)}
    return (pair[ground] * 2 + pair[shape] * 2) * SIDE


def bmp_of_runs() -> bytes:
    """A BMP of run lengths: colour 0 is red and colour 1 blue."""
    row = bytes([4, 0, 4, 1, 0, 0])
    content = row * SIDE + b"\0\1"
    colours = bytes([0, 0, 254, 0, 254, 0, 0, 0])
    place = 14 + 40 + len(colours)
    info = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 8, 1, len(content), 0, 0, 2, 2)
    return (
        struct.pack("<2sIHHI", b"BM", place + len(content), 0, 0, place) + info + colours + content
    )


RGB = halves(RED, BLUE)
HIDDEN = halves((*RED, 0), (*BLUE, 255))  # a ground that is not to be seen
GLASS = halves((0, 0, 0, 0), (*BLACK, 255))  # a black shape on nothing
U2, U4, F4 = np.uint16, np.uint32, np.float32
SHIFTED = 128 << 8  # half of what 16 bits hold
DEEP_RGB = [0x0FE0, 0, 0], [0, 0, 0x0FE0]  # 12 bits

TABLE: dict[str, Shown] = {
    # JPEG
    "jpeg": Shown(encoded(RGB, "JPEG", quality=100, subsampling=0), RED, BLUE, (), 3),
    "jpeg, grey": Shown(encoded(halves(128, 0), "JPEG", quality=100), GREY, BLACK, (), 2),
    "jpeg, cmyk": Shown(
        encoded(Image.fromarray(halves(WHITE, BLACK)).convert("CMYK"), "JPEG", quality=100),
        WHITE,
        BLACK,
        (),
        3,
    ),
    "jpeg, of two pictures": Shown(several("MPO", quality=100, subsampling=0), RED, BLUE, (), 3),
    # PNG
    "png": Shown(encoded(RGB, "PNG"), RED, BLUE),
    "png, grey": Shown(encoded(halves(128, 0), "PNG"), GREY, BLACK),
    "png, black and white": Shown(
        encoded(Image.fromarray(halves(255, 0)).convert("1"), "PNG"), WHITE, BLACK
    ),
    "png, palette": Shown(encoded(palette(RED, BLUE), "PNG"), RED, BLUE),
    "png, animation": Shown(several("PNG"), RED, BLUE, FIRST),
    "png, alpha": Shown(encoded(HIDDEN, "PNG"), WHITE, BLUE, ON_WHITE),
    "png, a black shape on nothing": Shown(encoded(GLASS, "PNG"), WHITE, BLACK, ON_WHITE),
    "png, half transparent": Shown(
        encoded(halves((*BLACK, 127), (*BLUE, 255)), "PNG"), GREY, BLUE, ON_WHITE
    ),
    "png, alpha that hides nothing": Shown(
        encoded(halves((*RED, 255), (*BLUE, 255)), "PNG"), RED, BLUE
    ),
    "png, alpha that hides everything": Shown(
        encoded(halves((*RED, 0), (*BLUE, 0)), "PNG"), RED, BLUE
    ),
    "png, grey and alpha": Shown(
        png(halves((0, 0), (128, 255)), GREY_ALPHA_PNG), WHITE, GREY, ON_WHITE
    ),
    "png, a palette with one clear colour": Shown(
        encoded(palette(RED, BLUE, transparency=0), "PNG"), WHITE, BLUE, ON_WHITE
    ),
    "png, a palette with alpha": Shown(
        encoded(palette(BLACK, BLUE, transparency=b"\x7f\xff"), "PNG"), GREY, BLUE, ON_WHITE
    ),
    "png, one clear grey": Shown(
        png(halves(128, 0), GREY_PNG, {b"tRNS": b"\0\x80"}), WHITE, BLACK, ON_WHITE
    ),
    "png, one clear grey of 1 bit": Shown(
        png(np.full((SIDE, 1), 0b00001111, np.uint8), GREY_PNG, {b"tRNS": b"\0\0"}, 1),
        WHITE,
        WHITE,
        ON_WHITE,
    ),
    "png, one clear grey of 2 bits": Shown(
        png(np.full((SIDE, 2), [0b01010101, 0], np.uint8), GREY_PNG, {b"tRNS": b"\0\1"}, 2),
        WHITE,
        BLACK,
        ON_WHITE,
    ),
    "png, one clear grey of 4 bits": Shown(
        png(np.full((SIDE, 4), [0x77, 0x77, 0, 0], np.uint8), GREY_PNG, {b"tRNS": b"\0\7"}, 4),
        WHITE,
        BLACK,
        ON_WHITE,
    ),
    "png, one clear colour": Shown(
        png(RGB, COLOUR_PNG, {b"tRNS": struct.pack(">3H", *RED)}), WHITE, BLUE, ON_WHITE
    ),
    # PNG of 16 bits
    "png, 16 bits": Shown(png(halves(SHIFTED, 0, U2), GREY_PNG), GREY, BLACK),
    "png, 14 of 16 bits": Shown(png(halves(128 << 6, 0, U2), GREY_PNG), GREY, BLACK, GUESSED),
    "png, 12 of 16 bits": Shown(png(halves(128 << 4, 0, U2), GREY_PNG), GREY, BLACK, GUESSED),
    "png, 10 of 16 bits": Shown(png(halves(128 << 2, 0, U2), GREY_PNG), GREY, BLACK, GUESSED),
    "png, 8 of 16 bits": Shown(png(halves(128, 0, U2), GREY_PNG), GREY, BLACK, GUESSED),
    "png, black of 16 bits": Shown(png(halves(0, 0, U2), GREY_PNG), BLACK, BLACK, GUESSED),
    "png, dark, of 12 bits that are scaled up": Shown(
        png(halves(2 << 8, 0, U2), GREY_PNG, {b"sBIT": b"\x0c"}), (2, 2, 2), BLACK
    ),
    "png, dark, of 12 bits that are not": Shown(
        png(halves((2 << 4) + 1, 0, U2), GREY_PNG, {b"sBIT": b"\x0c"}), (2, 2, 2), BLACK, DECLARED
    ),
    "png, 16 bits, one clear grey": Shown(
        png(halves(SHIFTED, 0, U2), GREY_PNG, {b"tRNS": b"\x80\0"}), WHITE, BLACK, ON_WHITE
    ),
    "png, 16 bits, grey and alpha": Shown(
        png(halves((0, 0), (SHIFTED, 65535), U2), GREY_ALPHA_PNG), WHITE, GREY, ON_WHITE
    ),
    "png, 12 of 16 bits, grey and alpha": Shown(
        png(halves((0, 0), (128 << 4, 65535), U2), GREY_ALPHA_PNG),
        WHITE,
        GREY,
        GUESSED + ON_WHITE,
    ),
    "png, 12 of 16 bits, alpha too": Shown(
        png(halves((0, 0), (128 << 4, 4095), U2), GREY_ALPHA_PNG), WHITE, GREY, GUESSED + ON_WHITE
    ),
    "png, 16 bits a colour": Shown(
        png(halves([0xFE00, 0, 0], [0, 0, 0xFE00], U2), COLOUR_PNG), RED, BLUE
    ),
    "png, 12 of 16 bits a colour": Shown(
        png(halves(*DEEP_RGB, U2), COLOUR_PNG), RED, BLUE, GUESSED
    ),
    "png, 8 of 16 bits a colour": Shown(png(halves(RED, BLUE, U2), COLOUR_PNG), RED, BLUE, GUESSED),
    "png, 16 bits a colour, one of them clear": Shown(
        png(
            halves([0xFE00, 1, 2], [0, 0, 0xFE00], U2),
            COLOUR_PNG,
            {b"tRNS": struct.pack(">3H", 0xFE00, 1, 2)},
        ),
        WHITE,
        BLUE,
        ON_WHITE,
    ),
    "png, 16 bits a colour and alpha": Shown(
        png(halves([0xFE00, 0, 0, 0], [0, 0, 0xFE00, 65535], U2), COLOUR_ALPHA_PNG),
        WHITE,
        BLUE,
        ON_WHITE,
    ),
    "png, 12 of 16 bits a colour and alpha": Shown(
        png(halves([0x0FE0, 0, 0, 0], [0, 0, 0x0FE0, 65535], U2), COLOUR_ALPHA_PNG),
        WHITE,
        BLUE,
        GUESSED + ON_WHITE,
    ),
    # WebP
    "webp": Shown(encoded(RGB, "WEBP", lossless=True), RED, BLUE),
    "webp, alpha": Shown(encoded(HIDDEN, "WEBP", lossless=True), WHITE, BLUE, ON_WHITE),
    "webp, animation": Shown(several("WEBP", lossless=True), RED, BLUE, FIRST),
    # GIF
    "gif": Shown(encoded(palette(RED, BLUE), "GIF"), RED, BLUE),
    "gif, one clear colour": Shown(
        encoded(palette(RED, BLUE), "GIF", transparency=0), WHITE, BLUE, ON_WHITE
    ),
    "gif, animation": Shown(several("GIF"), RED, BLUE, FIRST),
    "gif, with a comment": Shown(encoded(palette(RED, BLUE), "GIF", comment=b"a" * 999), RED, BLUE),
    # BMP
    "bmp": Shown(encoded(RGB, "BMP"), RED, BLUE),
    "bmp, grey": Shown(encoded(halves(128, 0), "BMP"), GREY, BLACK),
    "bmp, palette": Shown(encoded(palette(RED, BLUE), "BMP"), RED, BLUE),
    "bmp, run lengths": Shown(bmp_of_runs(), RED, BLUE),
    "bmp, a fourth byte that says nothing": Shown(
        encoded(halves((*RED, 0), (*BLUE, 0)), "BMP"), RED, BLUE
    ),
    # TIFF
    "tiff": Shown(encoded(RGB, "TIFF"), RED, BLUE),
    "tiff, big endian": Shown(tiff(RGB, IN_RGB, MM), RED, BLUE),
    "tiff, big": Shown(encoded(RGB, "TIFF", big_tiff=True), RED, BLUE),
    "tiff, lzw": Shown(encoded(RGB, "TIFF", compression="tiff_lzw"), RED, BLUE),
    "tiff, deflate": Shown(tiff(RGB, IN_RGB, II, DEFLATE), RED, BLUE),
    "tiff, packbits": Shown(encoded(RGB, "TIFF", compression="packbits"), RED, BLUE),
    "tiff, zstd": Shown(encoded(RGB, "TIFF", compression="zstd"), RED, BLUE),
    "tiff, jpeg": Shown(
        encoded(RGB.repeat(4, 0).repeat(4, 1), "TIFF", compression="jpeg", quality=100),
        RED,
        BLUE,
        (),
        40,
    ),
    "tiff, fax": Shown(
        encoded(Image.fromarray(halves(255, 0)).convert("1"), "TIFF", compression="group4"),
        WHITE,
        BLACK,
    ),
    "tiff, grey": Shown(tiff(halves(128, 0)), GREY, BLACK),
    "tiff, white is zero": Shown(tiff(halves(127, 255), WHITE_IS_ZERO), GREY, BLACK),
    "tiff, palette": Shown(encoded(palette(RED, BLUE), "TIFF"), RED, BLUE),
    "tiff, palette of 8 bits": Shown(
        tiff(halves(0, 1), 3, tags={320: ("H", [254, *[0] * 511, 0, 254, *[0] * 254])}), RED, BLUE
    ),
    "tiff, cmyk": Shown(tiff(halves((0, 0, 0, 0), (0, 0, 0, 255)), IN_CMYK), WHITE, BLACK),
    "tiff, alpha": Shown(encoded(HIDDEN, "TIFF"), WHITE, BLUE, ON_WHITE),
    "tiff, grey and alpha": Shown(
        tiff(halves((0, 0), (128, 255)), tags={338: ("H", [2])}), WHITE, GREY, ON_WHITE
    ),
    "tiff, two pages": Shown(several("TIFF"), RED, BLUE, FIRST),
    "tiff, tiles": Shown(
        tiff(
            np.pad(RGB, ((0, 8), (0, 8), (0, 0))),
            IN_RGB,
            tags={
                256: ("H", [SIDE]),
                257: ("H", [SIDE]),
                322: ("H", [16]),
                323: ("H", [16]),
                TILES: ("L", [0]),
                325: ("L", [16 * 16 * 3]),
            },
        ),
        RED,
        BLUE,
    ),
    "tiff, separate planes": Shown(tiff(RGB, IN_RGB, planes=True), RED, BLUE),
    "tiff, separate planes, deflate": Shown(tiff(RGB, IN_RGB, II, DEFLATE, planes=True), RED, BLUE),
    # TIFF of more bits
    "tiff, 16 bits": Shown(tiff(halves(SHIFTED, 0, U2)), GREY, BLACK),
    "tiff, 16 bits, big endian": Shown(tiff(halves(SHIFTED, 0, U2), order=MM), GREY, BLACK),
    "tiff, 16 bits, deflate": Shown(
        tiff(halves(SHIFTED + 1, 0, U2), compression=DEFLATE), GREY, BLACK
    ),
    "tiff, 16 bits, big endian, deflate": Shown(
        tiff(halves(SHIFTED + 1, 0, U2), order=MM, compression=DEFLATE), GREY, BLACK
    ),
    "tiff, 16 bits, white is zero": Shown(
        tiff(halves(127 << 8, 65535, U2), WHITE_IS_ZERO), GREY, BLACK
    ),
    "tiff, 12 of 16 bits": Shown(tiff(halves(128 << 4, 0, U2)), GREY, BLACK, GUESSED),
    "tiff, 12 of 16 bits, big endian": Shown(
        tiff(halves(128 << 4, 0, U2), order=MM), GREY, BLACK, GUESSED
    ),
    "tiff, 12 bits": Shown(
        tiff(halves(0, 0, U2), bits=12, content=twelve_bits(128 << 4, 0)), GREY, BLACK, DECLARED
    ),
    "tiff, dark, of 12 bits": Shown(
        tiff(halves(0, 0, U2), bits=12, content=twelve_bits(2 << 4, 0)),
        (2, 2, 2),
        BLACK,
        DECLARED,
    ),
    "tiff, dark, with the largest value told": Shown(
        tiff(halves(2 << 4, 0, U2), tags={281: ("H", [4095])}), (2, 2, 2), BLACK, DECLARED
    ),
    "tiff, dark, of all 16 bits as told": Shown(
        tiff(halves(2 << 8, 0, U2), tags={281: ("H", [65535])}), (2, 2, 2), BLACK
    ),
    "tiff, signed 16 bits": Shown(tiff(halves(128 << 7, 0, np.int16)), GREY, BLACK, DECLARED),
    "tiff, 32 bits": Shown(tiff(halves(SHIFTED, 0, U4)), GREY, BLACK),
    "tiff, signed 16 bits, big endian": Shown(
        tiff(halves(128 << 7, 0, np.int16), order=MM), GREY, BLACK, DECLARED
    ),
    "tiff, 16 bits a colour, separate planes, deflate": Shown(
        tiff(halves([0xFE00, 0, 0], [0, 0, 0xFE00], U2), IN_RGB, II, DEFLATE, planes=True),
        RED,
        BLUE,
    ),
    "tiff, 12 of 32 bits": Shown(tiff(halves(128 << 4, 0, U4)), GREY, BLACK, GUESSED),
    "tiff, floats": Shown(tiff(halves(128 / 255, 0, F4)), GREY, BLACK),
    "tiff, floats, white is zero": Shown(
        tiff(halves(127 / 255, 1, F4), WHITE_IS_ZERO), GREY, BLACK
    ),
    "tiff, floats, big endian": Shown(tiff(halves(128 / 255, 0, F4), order=MM), GREY, BLACK),
    "tiff, whole floats": Shown(tiff(halves(128, 0, F4)), GREY, BLACK, GUESSED),
    "tiff, 16 bits a colour": Shown(
        tiff(halves([0xFE00, 0, 0], [0, 0, 0xFE00], U2), IN_RGB), RED, BLUE
    ),
    "tiff, 12 of 16 bits a colour": Shown(tiff(halves(*DEEP_RGB, U2), IN_RGB), RED, BLUE, GUESSED),
    "tiff, 12 of 16 bits a colour, big endian": Shown(
        tiff(halves(*DEEP_RGB, U2), IN_RGB, MM), RED, BLUE, GUESSED
    ),
    "tiff, 12 of 16 bits a colour, deflate": Shown(
        tiff(halves(*DEEP_RGB, U2), IN_RGB, II, DEFLATE), RED, BLUE, GUESSED
    ),
    "tiff, 12 of 16 bits a colour, big endian, deflate": Shown(
        tiff(halves(*DEEP_RGB, U2), IN_RGB, MM, DEFLATE), RED, BLUE, GUESSED
    ),
    # AVIF
    "avif": Shown(encoded(RGB, "AVIF", quality=100, subsampling="4:4:4"), RED, BLUE, (), 3),
    "avif, alpha": Shown(
        encoded(GLASS, "AVIF", quality=100, subsampling="4:4:4"), WHITE, BLACK, ON_WHITE, 3
    ),
    "avif, animation": Shown(
        several("AVIF", quality=100, subsampling="4:4:4"), RED, BLUE, FIRST, 3
    ),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "tiff, values below zero": (tiff(halves(-5, 9, np.int16)), "values from -5 to 9: save it"),
    "tiff, values above 16 bits": (tiff(halves(70_000, 9, U4)), "values from 9 to 70000: save it"),
    "tiff, floats of any size": (tiff(halves(3.5, 0, F4)), "with a point, up to 3.5: save it"),
    "tiff, floats below zero": (tiff(halves(-0.5, 0, F4)), "values from -0.5 to 0: save it"),
    "tiff, no numbers": (tiff(halves(np.nan, 0, F4)), "values from nan to nan: save it"),
    "tiff, signed 8 bits": (tiff(halves(1, 2, np.int8)), "from -128 to 127: save it"),
    "tiff, signed, big endian, deflate": (
        tiff(halves(5, 9, np.int16), order=MM, compression=DEFLATE),
        "TIFF of signed values or floats: save it",
    ),
    "tiff, floats, big endian, deflate": (
        tiff(halves(0.5, 0, F4), order=MM, compression=DEFLATE),
        "TIFF of signed values or floats: save it",
    ),
    "tiff, 16 bits a colour, separate planes": (
        tiff(halves(*DEEP_RGB, U2), IN_RGB, planes=True),
        "separate planes: save it",
    ),
    "tiff, white is zero, a separate plane": (
        tiff(halves(127, 255), WHITE_IS_ZERO, tags={PLANES: ("H", [2])}),
        "separate planes: save it",
    ),
    "tiff, 12 of 16 bits a colour, separate planes, deflate": (
        tiff(halves(*DEEP_RGB, U2), IN_RGB, II, DEFLATE, planes=True),
        "hardly any are used: save it",
    ),
    "tiff, 12 of 16 bits of cmyk": (
        tiff(halves([0] * 4, [0, 0, 0, 4095], U2), IN_CMYK),
        "hardly any are used: save it",
    ),
    "tiff, five bands": (tiff(halves([0] * 5, [9] * 5)), "of a kind that is not decoded"),
    "tiff, a camera's pattern": (tiff(halves(1, 2), 32803), "of a kind that is not decoded"),
    "tiff, a preview": (tiff(RGB, IN_RGB, tags={254: ("L", [1])}), "a preview or a mask"),
    "tiff, old jpeg": (tiff(RGB, IN_RGB, compression=6), "of compression 6: save it"),
    "tiff, lzma": (tiff(RGB, IN_RGB, compression=34925), "of compression 34925: save it"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which cannot be decoded"),
    "heic of another brand": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
    "jpeg xl": (b"\xff\x0a" + bytes(30), "a JPEG XL picture"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    "photoshop": (b"8BPS" + bytes(30), "a Photoshop picture"),
    "camera raw": (b"IIU\0" + bytes(30), "a camera raw picture"),
    "svg": (b'<?xml version="1.0"?>\n<svg></svg>', "a SVG picture"),
    "text that begins as a bmp": (b"BMW is a maker of cars, and of more than that", "not a JPEG"),
}
