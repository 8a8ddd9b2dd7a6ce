"""Refuse pictures whose decoding would cost far more than their bytes and pixels say.

It is read from the file's own structure, before a decoder sees it. A damaged structure is let
through: then the decoder refuses it.
"""

import math
import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from picture_formats import UnusableImage

MAX_SCANS = 100  # of a progressive JPEG: each is a pass over all pixels, for a few bytes
MAX_EXIF_BYTES = 65_535  # what one segment of a JPEG holds; cameras write no more
MAX_TAGS = 65_535  # what a directory holds, but for those of large TIFFs
MAX_STRIPS = 100_000  # of a TIFF, and of its tiles
MAX_RUN_LENGTH = 4_000_000  # pixels, and bytes, of a BMP that Pillow decodes in Python

_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers with a JPEG's size
_SEGMENTS = _FRAMES.union({0xC4, 0xCC, 0xFE}, range(0xDA, 0xDE), range(0xE0, 0xF0))
_PILLOWS_SEGMENTS = _SEGMENTS | {0xDE, 0xDF}
# all but FF00, which is data, FF01 and restarts: they have no length and end nothing
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
_MOST_MARKERS = 10_000  # read one by one, for no file to cost seconds; a phone writes some dozens
_EXIF = b"Exif\0\0"

_RUN_LENGTH_CODES = (1, 2)
# the types that Pillow reads: bytes of each, and how a whole number is written
_TAG_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TAG_BYTES[16] = 8
_NUMBERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 13: "L", 16: "Q"}
_NESTED = (34665, 34853, 40965)  # Exif, GPS, interoperability
_KIND_OF_PAGE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 256, 257, 258, 259
_PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 262, 284, 339
_STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 273, 322, 323, 324
# of these, given twice, Pillow takes the last and libtiff the first
_ONCE = frozenset({*range(254, 260), 262, 273, 284, 322, 323, 324, 339})
_PREVIEW_OR_MASK, _WHITE_IS_ZERO, _SEPARATE, _UNSIGNED, _SIGNED = 0b101, 0, 2, 1, 2
# none, CCITT fax (2, 3, 4), LZW, JPEG, Deflate, PackBits, Deflate of old, Zstandard
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50000})
_UNCOMPRESSED = 1
_USUAL_TILES = 2**20  # pixels


def check_jpeg(data: bytes) -> None:
    """Raise UnusableImage for a JPEG of very many scans, or whose EXIF does not fit."""
    if _scans(data) > MAX_SCANS:
        raise UnusableImage(f"more than {MAX_SCANS} scans in a JPEG")
    if not exif_fits(_joined_exif(data)):
        raise UnusableImage("damaged (the tags of its EXIF are together larger than it)")


def _scans(data: bytes) -> int:
    """Count the scans that libjpeg finds in a JPEG; never fewer.

    As libjpeg does, it skips what is no marker and segments by their length, and stops at the
    picture's end. Behind what libjpeg refuses, everything counts that looks like a scan.
    """
    scans, place = 0, 2
    for _ in range(_MOST_MARKERS):
        found = _MARKER.search(data, place)
        if found is None or found[1][0] == _END_OF_IMAGE:
            return scans
        marker, length = found[1][0], int.from_bytes(data[found.end() : found.end() + 2], "big")
        if marker not in _SEGMENTS or length < 2 or found.end() + length > len(data):
            place = found.start()
            break
        scans += marker == _START_OF_SCAN
        place = found.end() + length
    return scans + data.count(bytes([0xFF, _START_OF_SCAN]), place)


def _joined_exif(data: bytes) -> bytes:
    """Return the EXIF of a JPEG as Pillow joins it, of any number of segments."""
    parts: list[bytes] = []
    place = 2
    for _ in range(_MOST_MARKERS):
        found = _MARKER.search(data, place)
        if found is None or found[1][0] == _START_OF_SCAN:
            return b"".join(parts)
        place = found.end()
        if found[1][0] in _PILLOWS_SEGMENTS:
            length = int.from_bytes(data[place : place + 2], "big")
            if found[1][0] == _APP1 and data.startswith(_EXIF, place + 2):
                parts.append(data[place + 2 + len(_EXIF) : place + length])
            place += max(length, 2)
    raise UnusableImage(f"more than {_MOST_MARKERS:,} segments before a JPEG's pixels")


def check_bmp(data: bytes) -> None:
    """Raise UnusableImage for a large BMP of run lengths, which would be decoded in Python."""
    try:
        width, height, code = struct.unpack_from("<ii4xI", data, 18)
    except struct.error:
        return
    if data[14] == 12 or code not in _RUN_LENGTH_CODES:  # the oldest header has no compression
        return
    largest = max(len(data), abs(width * height), 32 * abs(width))
    if largest > MAX_RUN_LENGTH:
        raise UnusableImage(
            f"a large BMP of run lengths ({width} x {abs(height)}): save it without compression"
        )


class Tag(NamedTuple):
    """A value of a TIFF directory: its type, how many there are, and where in the file."""

    kind: int
    values: int
    place: int


class TiffTags:
    """The tags of a TIFF's first directory, or of EXIF, which is built like one.

    Raises UnusableImage where all values, those of nested directories too, are larger than what
    they are read from: many tags may name the same bytes, and Pillow copies them for each.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data.startswith(b"I") else ">"
        self._big = data[2:3] == b"+"
        self._copied = 0
        self._tags = self._directory(*self._numbers("Q", 8) if self._big else self._numbers("L", 4))
        level = [self._tags]
        for _ in range(2):
            level = [self._directory(*self._first(t, tag)) for t in level for tag in _NESTED]

    @property
    def big_endian(self) -> bool:
        """Tell whether the highest byte of a number comes first."""
        return self._order == ">"

    def number(self, tag: int, default: int = 0) -> int:
        """Return a tag's first value; raise UnusableImage where it is no whole number."""
        if tag in self._tags and self._tags[tag].kind not in _NUMBERS:
            raise UnusableImage(f"damaged (its tag {tag} is no whole number)")
        return next(iter(self._first(self._tags, tag)), default)

    def count(self, tag: int) -> int:
        """Return how many values a tag has."""
        return self._tags[tag].values if tag in self._tags else 0

    def _first(self, tags: Mapping[int, Tag], tag: int) -> tuple[int, ...]:
        found = tags.get(tag)
        letter = _NUMBERS.get(found.kind) if found else None
        return self._numbers(letter, found.place) if found and letter else ()

    def _numbers(self, letters: str, place: int) -> tuple[int, ...]:
        wanted = struct.Struct(self._order + letters)
        if not 0 <= place <= len(self._data) - wanted.size:
            return ()
        return wanted.unpack_from(self._data, place)

    def _directory(self, start: int | None = None) -> dict[int, Tag]:
        """Read a directory as Pillow does, up to the first value that is not in the file."""
        found: dict[int, Tag] = {}
        if start is None:
            return found
        letters, head, inline = ("HHQ", "Q", 8) if self._big else ("HHL", "H", 4)
        count = next(iter(self._numbers(head, start)), 0)
        if count > MAX_TAGS:
            raise UnusableImage(f"damaged (a directory of {count:,} tags)")
        for row in range(count):
            place = start + struct.calcsize(f"<{head}") + row * (4 + 2 * inline)
            if not (entry := self._numbers(letters, place)):
                break
            tag, kind, values = entry
            size, value = values * _TAG_BYTES.get(kind, 0), place + 4 + inline
            if size > inline:
                (value,) = self._numbers(letters[-1], value) or (len(self._data),)
            if value + size > len(self._data):
                break
            if tag in found and tag in _ONCE:
                raise UnusableImage(f"damaged (its tag {tag} is there twice)")
            self._copied += size
            found[tag] = Tag(kind, values, value)
        if self._copied > 2 * len(self._data):  # a few may well share theirs
            raise UnusableImage("damaged (its tags are together larger than the file)")
        return found


def check_tiff(data: bytes) -> None:
    """Raise UnusableImage for a TIFF of too many parts, or of a kind that is not decoded."""
    tags = TiffTags(data)
    compression = tags.number(_COMPRESSION, _UNCOMPRESSED)
    if compression not in _COMPRESSIONS:
        raise UnusableImage(f"a TIFF of compression {compression}: save it with LZW or Deflate")
    if tags.number(_KIND_OF_PAGE) & _PREVIEW_OR_MASK:
        raise UnusableImage(
            "its first page is a preview or a mask of another, as in a camera's raw files: save it"
            " as JPEG"
        )
    _check_samples(tags, compressed=compression != _UNCOMPRESSED)
    parts = max(tags.count(_STRIPS), tags.count(_TILES))
    if parts > MAX_STRIPS:
        raise UnusableImage(f"a TIFF of {parts:,} strips or tiles; at most {MAX_STRIPS:,} are read")
    _check_tiles(*(tags.number(tag) for tag in (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT)))


def _check_samples(tags: TiffTags, *, compressed: bool) -> None:
    """Raise UnusableImage for what Pillow reads, and reads wrong."""
    bits, kind = tags.number(_BITS, 1), tags.number(_SAMPLE_FORMAT, _UNSIGNED)
    if kind == _SIGNED and bits == 8:
        raise UnusableImage("a TIFF of values from -128 to 127: save it with values from 0 to 255")
    if compressed and tags.big_endian and kind != _UNSIGNED:
        raise UnusableImage(
            "a compressed big-endian TIFF of signed values or floats: save it uncompressed"
        )
    inverted = tags.number(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if not compressed and tags.number(_PLANES) == _SEPARATE and (bits != 8 or inverted):
        raise UnusableImage("a TIFF of separate planes: save it with LZW, or its colours together")


def _check_tiles(width: int, height: int, tile_width: int, tile_height: int) -> None:
    """Raise UnusableImage for tiles of far more pixels than they show: all are decoded."""
    if min(tile_width, tile_height) <= 0:
        return
    across, down = math.ceil(width / tile_width), math.ceil(height / tile_height)
    if across * tile_width * down * tile_height > 4 * max(width * height, _USUAL_TILES):
        raise UnusableImage(
            f"{width} x {height} pixels in tiles of {tile_width} x {tile_height}: save it without"
            " tiles"
        )


_CHECKS = {"JPEG": check_jpeg, "BMP": check_bmp, "TIFF": check_tiff}


def check_structure(data: bytes, name: str) -> None:
    """Raise UnusableImage for a file of the format `name` that is not worth its decoding."""
    if check := _CHECKS.get(name):
        check(data)


def exif_fits(blob: bytes) -> bool:
    """Tell whether Pillow can read this EXIF without taking far more memory than it has bytes."""
    if len(blob) <= MAX_EXIF_BYTES:
        return True
    while blob.startswith(_EXIF):
        blob = blob.removeprefix(_EXIF)
    try:
        TiffTags(blob)
    except UnusableImage:
        return False
    return True
