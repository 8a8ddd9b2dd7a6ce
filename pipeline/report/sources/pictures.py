"""Read single pictures of a prepared split without reading the rest of it."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.report.sources.facts import PREPARE, Facts
from pipeline.report.sources.source import Absent, Source
from pipeline.syntax_trees import PARSING

_HEADER_BYTES = 4096
_QUALITY = 85
_TEST = "test"


@dataclass(frozen=True)
class Squares:
    """The pixels of a prepared split: where they begin, and how many pictures of what size."""

    uri: str
    start: int
    count: int
    height: int
    width: int


def picture_reader(
    source: Source, facts: Facts, split: str = _TEST, side: int | None = None
) -> Callable[[str], bytes | None]:
    """Return a function from a file's name in a split to its prepared square as JPEG, or None.

    Squares are at most `side` pixels large.
    """
    try:
        rows = {name: row for row, name in enumerate(read_files(source, facts, split))}
        squares = open_squares(source, facts, split)
    except (Absent, OSError, ValueError):
        return lambda _file: None

    def read(file: str) -> bytes | None:
        row = rows.get(file, squares.count)
        return read_square(source, squares, row, side) if row < squares.count else None

    return read


def read_files(source: Source, facts: Facts, split: str) -> list[str]:
    """Return the names of a split's files, in the order of its rows. Raises Absent, ValueError."""
    names = json.loads(source.read(f"{_folder(facts, split)}/{split}.files.json"))
    return [str(name) for name in names]


def read_labels(source: Source, facts: Facts, split: str) -> list[int]:
    """Return the classes of a split's rows, by number. Raises Absent, ValueError."""
    import numpy as np

    content = source.read(f"{_folder(facts, split)}/{split}.labels.npy")
    with PARSING:  # numpy reads the head of an array so
        labels: list[int] = np.load(io.BytesIO(content), allow_pickle=False).tolist()
    return labels


def open_squares(source: Source, facts: Facts, split: str) -> Squares:
    """Read where the pixels of a split lie. Raises Absent, ValueError for another kind of file."""
    from numpy.lib import format as npy

    uri = f"{_folder(facts, split)}/{split}.images.npy"
    file = io.BytesIO(source.read_part(uri, 0, _HEADER_BYTES))
    version = npy.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{uri}: .npy version {version}")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    if fortran or dtype != "uint8" or len(shape) != 4 or shape[1] != 3:
        raise ValueError(f"{uri} holds no pictures")
    return Squares(uri, file.tell(), shape[0], shape[2], shape[3])


def read_square(source: Source, squares: Squares, row: int, side: int | None = None) -> bytes:
    """Return a row as JPEG, at most `side` pixels large. Raises LookupError for no such row."""
    if not 0 <= row < squares.count:
        raise LookupError(f"{squares.uri} has no row {row}")
    size = 3 * squares.height * squares.width
    pixels = source.read_part(squares.uri, squares.start + row * size, size)
    return _jpeg(pixels, squares.height, squares.width, side)


def _folder(facts: Facts, split: str) -> str:
    # the test split lies apart: training must not see it
    return facts.output(PREPARE, _TEST if split == _TEST else "dataset")


def _jpeg(pixels: bytes, height: int, width: int, side: int | None) -> bytes:
    import numpy as np
    from PIL import Image

    planes = np.frombuffer(pixels, np.uint8).reshape(3, height, width)
    picture = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    if side is not None:
        picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
