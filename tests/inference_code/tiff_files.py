"""Write TIFF files of any kind, usual or not: Pillow writes but a few."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy.typing as npt

II, MM = "<", ">"
WHITE_IS_ZERO, BLACK_IS_ZERO, IN_RGB, IN_CMYK = 0, 1, 2, 5
NONE, DEFLATE = 1, 8
STRIPS, ROWS, STRIP_BYTES, TILES, PLANES = 273, 278, 279, 324, 284
_NUMBERS = {"B": 1, "H": 3, "L": 4}
Tags = Mapping[int, tuple[str, Sequence[int]]]  # struct's letter for the type, and the values


def tiff(
    pixels: npt.NDArray[Any],
    photometric: int = BLACK_IS_ZERO,
    order: str = II,
    compression: int = NONE,
    *,
    planes: bool = False,
    bits: int = 0,
    content: bytes | None = None,
    tags: Tags | None = None,
) -> bytes:
    """A TIFF of these samples, in one strip or, with `planes`, in one a channel.

    `bits`, `content` and `tags` are written instead of what the samples have.
    """
    height, width, *channels = pixels.shape
    samples = channels[0] if channels else 1
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    parts = [stored[..., n].tobytes() for n in range(samples)] if planes else [stored.tobytes()]
    parts = parts if content is None else [content]
    if compression == DEFLATE:
        parts = [zlib.compress(part) for part in parts]
    written = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [bits or pixels.dtype.itemsize * 8] * samples),
        259: ("H", [compression]),
        262: ("H", [photometric]),
        STRIPS: ("L", [0] * len(parts)),
        277: ("H", [samples]),
        ROWS: ("H", [height]),
        STRIP_BYTES: ("L", [len(part) for part in parts]),
        PLANES: ("H", [1 + planes]),
        339: ("H", [{"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]] * samples),
        **(tags or {}),
    }
    if TILES in written:
        written = {tag: written[tag] for tag in written if tag not in (STRIPS, ROWS, STRIP_BYTES)}
    return write(written, parts, order)


def write(tags: Tags, parts: Sequence[bytes] = (), order: str = II) -> bytes:
    """Write a directory, what does not fit into it, and parts; places that are 0 become theirs."""
    start = 8 + 2 + 12 * len(tags) + 4
    sizes = (struct.calcsize(f"<{kind}") * len(values) for kind, values in tags.values())
    first = start + sum(size for size in sizes if size > 4)
    places = list(accumulate((len(part) for part in parts[:-1]), initial=first))
    entries, outside = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        found = places if tag in (STRIPS, TILES) and not any(values) else values
        data = struct.pack(f"{order}{len(found)}{kind}", *found)
        if len(data) > 4:
            place = start + len(outside)
            outside += data
            data = struct.pack(f"{order}L", place)
        entries += struct.pack(f"{order}HHL", tag, _NUMBERS[kind], len(found)) + data.ljust(
            4, b"\0"
        )
    mark = b"II*\0" if order == II else b"MM\0*"
    head = mark + struct.pack(f"{order}LH", 8, len(tags))
    return b"".join((head, entries, bytes(4), outside, *parts))
