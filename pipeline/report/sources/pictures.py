"""Read single pictures of the prepared test split without reading the rest of it."""

import io
import json
from collections.abc import Callable

from pipeline.report.sources.facts import PREPARE, Facts
from pipeline.report.sources.source import Absent, Source

_HEADER_BYTES = 4096
_QUALITY = 85


def picture_reader(source: Source, facts: Facts) -> Callable[[str], bytes | None]:
    """Return a function from a test file's name to its prepared square as JPEG, or None."""
    try:
        folder = facts.output(PREPARE, "test")
        rows = {name: row for row, name in enumerate(_files(source, folder))}
        uri = f"{folder}/test.images.npy"
        start, shape = _header(source, uri)
    except (Absent, OSError, ValueError):
        return lambda _file: None
    size = shape[1] * shape[2] * shape[3]

    def read(file: str) -> bytes | None:
        if rows.get(file, shape[0]) >= shape[0]:
            return None
        return _jpeg(source.read_part(uri, start + rows[file] * size, size), shape[2], shape[3])

    return read


def _files(source: Source, folder: str) -> list[str]:
    names: list[str] = json.loads(source.read(f"{folder}/test.files.json"))
    return names


def _header(source: Source, uri: str) -> tuple[int, tuple[int, ...]]:
    """Return the pixels' offset and shape (N, 3, R, R). Raises ValueError for another kind."""
    from numpy.lib import format as npy

    file = io.BytesIO(source.read_part(uri, 0, _HEADER_BYTES))
    version = npy.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{uri}: .npy version {version}")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    if fortran or dtype != "uint8" or len(shape) != 4 or shape[1] != 3:
        raise ValueError(f"{uri} holds no pictures")
    return file.tell(), shape


def _jpeg(pixels: bytes, height: int, width: int) -> bytes:
    import numpy as np
    from PIL import Image

    planes = np.frombuffer(pixels, np.uint8).reshape(3, height, width)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).save(
        file, "JPEG", quality=_QUALITY, optimize=True
    )
    return file.getvalue()
