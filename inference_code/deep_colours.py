"""Bring pictures of more than 8 bits a colour to 8: what one of so many bits would show.

How many bits a file may declare: sBIT in PNG, 12 bits a sample or MaxSampleValue in TIFF. Otherwise
its largest value decides: the fewest of 8, 10, 12, 14 and 16 bits that hold it. It is decided by
the file alone, so that it is read alike wherever it lies. Numbers with a point go from 0 to 1, or
are whole.
"""

import re
import sys
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from picture_formats import UnusableImage
from picture_notes import Note, Notes

Levels = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]

_BITS = (8, 10, 12, 14, 16)
_MOST = 2**16 - 1
_WHITE = 255
_USED = 64  # of 256: a picture whose upper bytes come to so much has more than 14 bits
# Of these Pillow keeps the upper bytes; in the other order of bytes it keeps the lower ones.
_COLOURS = re.compile(r"((?:RGB|RGBA|RGBX);16)([LBN])")
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_WITH_ALPHA, _ITS_FOUR_BYTES = "LA;16B", "RGBA"
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_PLANES, _SEPARATE = 284, 2
_LARGEST_SAMPLE = (281, 341)
_TWELVE_BITS, _SIGNED = "I;12", ("I;16S", "I;16BS")
_REMEDY = "save it with 8 bits a colour, from black to white"


def stored_as(image: Image.Image) -> str:
    """Name how the pixels of a PNG or TIFF are stored, in Pillow's words; "" for others.

    It is known until they are read.
    """
    tiles = getattr(image, "tile", None) if image.format in ("PNG", "TIFF") else None
    stored = tiles[0].args if tiles else ""
    return str(stored if isinstance(stored, str) else stored[0])


def is_deep(image: Image.Image, stored: str) -> bool:
    """Tell whether more than 8 bits a colour decide what the picture shows.

    Of 16 that are all used Pillow has kept the upper 8.
    """
    if image.mode.startswith(("I", "F")):
        return True
    return ";16" in stored and ("transparency" in image.info or not _is_used(image))


def to_shallow(image: Image.Image, stored: str, data: bytes) -> tuple[Image.Image, Notes]:
    """Return a picture of 8 bits a colour, and what was done.

    Raises UnusableImage for values that do not say how bright they are.
    """
    values = _grey(image) if image.mode.startswith(("I", "F")) else _bands(image, stored, data)
    colours = values if values.shape[-1] in (1, 3) else values[..., :-1]
    bits, notes = _bits(colours, image, stored, data)
    levels = _levels(colours, bits)
    if tiff_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        levels = _WHITE - levels
    if (transparent := image.info.get("transparency")) is not None:
        shown = (colours != transparent).any(-1, keepdims=True)
        levels = np.concatenate([levels, shown * np.uint8(_WHITE)], axis=-1)
    elif colours is not values:
        alpha = values[..., -1:]
        levels = np.concatenate([levels, _levels(alpha, max(bits, _holding(alpha.max())))], axis=-1)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels), notes


def _is_used(image: Image.Image) -> bool:
    """Tell whether any colour's upper byte is so large that more than 14 bits must be used."""
    bands = image.getextrema()[: 4 if image.mode == "CMYK" else 3]
    return any(isinstance(band, tuple) and band[1] >= _USED for band in bands)


def _grey(image: Image.Image) -> Values:
    """Return a grey picture's values (H, W, 1): whole numbers, or floats from 0 to 1."""
    values: Values = np.asarray(image)[..., np.newaxis]
    least, most = values.min(), values.max()
    if not (least >= 0 and most <= _MOST):  # nor what is no number at all
        raise UnusableImage(f"values from {least:g} to {most:g}: {_REMEDY}")
    if values.dtype.kind != "f" or most <= 1:
        return values
    whole = values.astype(np.uint16)
    if (whole != values).any():
        raise UnusableImage(f"numbers with a point, up to {most:g}: {_REMEDY}")
    return whole


def _bands(image: Image.Image, stored: str, data: bytes) -> Values:
    """Return all 16 bits of a picture's colours and alpha: (H, W, 2 to 4)."""
    if stored == _GREY_WITH_ALPHA:
        four = _read_as(_ITS_FOUR_BYTES, image, data)
        return four[..., ::2].astype(np.uint16) << 8 | four[..., 1::2]
    found = _COLOURS.fullmatch(stored)
    if found is None or tiff_tag(image, _PLANES) == _SEPARATE:
        raise UnusableImage(f"16 bits a colour, of which hardly any are used: {_REMEDY}")
    values = np.asarray(image).astype(np.uint16)
    values <<= 8
    values |= _read_as(found[1] + _OTHER_ORDER[found[2]], image, data)
    return values


def _read_as(stored: str, image: Image.Image, data: bytes) -> Levels:
    """Read the file once more as if its pixels were stored in another way."""
    with Image.open(BytesIO(data), formats=[str(image.format)]) as again:
        again.tile = [
            tile._replace(args=stored if isinstance(tile.args, str) else (stored, *tile.args[1:]))
            for tile in getattr(again, "tile", ())
        ]
        lower: Levels = np.asarray(again)
    return lower


def tiff_tag(image: Image.Image, tag: int) -> Any:
    """Return a TIFF's tag; None for one that is not there, and for other pictures."""
    tags = getattr(image, "tag_v2", None)
    return None if tags is None else tags.get(tag)


def _levels(values: Values, bits: int) -> Levels:
    scaled = np.rint(values * _WHITE) if values.dtype.kind == "f" else values >> (bits - 8)
    levels: Levels = scaled.astype(np.uint8)
    return levels


def _bits(colours: Values, image: Image.Image, stored: str, data: bytes) -> tuple[int, Notes]:
    """Return how many bits the colours have, and a note where those are fewer than 16."""
    if colours.dtype.kind == "f":
        return _BITS[-1], ()
    most = int(colours.max())
    if image.format == "PNG":
        declared = _declared_by_png(colours, most, data)
    else:
        declared = _declared_by_tiff(most, image, stored)
    bits = declared or _holding(most)
    if bits == _BITS[-1]:
        return bits, ()
    return bits, (Note.DECLARED_BITS if declared else Note.GUESSED_BITS,)


def _holding(value: float) -> int:
    return next(bits for bits in _BITS if value < 2**bits)


def _declared_by_tiff(most: int, image: Image.Image, stored: str) -> int:
    """Return the bits that a TIFF says its colours have; 0 where it says nothing."""
    if stored == _TWELVE_BITS:
        return 12
    for tag in _LARGEST_SAMPLE:
        found = tiff_tag(image, tag)
        values = [one for one in (found if isinstance(found, tuple) else (found,)) if one]
        if values and all(isinstance(one, int | float) and 0 < one <= _MOST for one in values):
            return _holding(max(*values, most))
    return 15 if stored in _SIGNED and _holding(most) == _BITS[-1] else 0


def _declared_by_png(colours: Values, most: int, data: bytes) -> int:
    """Return the bits that a PNG says its colours have; 0 where it says nothing.

    They should be scaled up to 16, which leaves their last bits empty; some writers let them be.
    """
    bits = _significant_bits(data, colours.shape[-1])
    if bits and most < 2**bits and (colours & (2 ** (_BITS[-1] - bits) - 1)).any():
        return max(bits, _BITS[0])
    return bits and _BITS[-1]


def _significant_bits(png: bytes, bands: int) -> int:
    """Return the most bits that a PNG's chunk sBIT gives a colour; 0 where there is none."""
    place = 8
    while (name := png[place + 4 : place + 8]) not in (b"", b"IDAT"):
        if name == b"sBIT":
            most = max(png[place + 8 : place + 8 + bands], default=0)
            return most if most <= _BITS[-1] else 0
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return 0
