"""Read and write the prepared data set: a few large files that training need not decode.

A folder holds `dataset.json` and, for each of its splits, `<split>.images.npy` (uint8, (N, 3, R,
R), RGB), `<split>.labels.npy` (int64, (N,)), `<split>.files.json` (N names, in row order),
`<split>.contents.json` (the sha256 of each file) and `<split>.sizes.npy` (int32, (N, 2): width and
height in the file).
"""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from job.errors import JobError, disk_full_message, is_disk_full
from pictures.picture_rows import Sums

INFO_FILE = "dataset.json"


@dataclass(frozen=True)
class Split:
    """One prepared split; `images` (N, 3, R, R) is mapped from disk, read only."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    files: tuple[str, ...]


def open_split(folder: Path, split: str) -> Split:
    """Open a split without reading its pixels; raise JobError when a file is missing."""
    try:
        images = np.load(images_path(folder, split), mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / f"{split}.labels.npy", allow_pickle=False)
        files = json.loads((folder / f"{split}.files.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise JobError(
            f"{error.filename} is missing: {folder} is no prepared {split} split"
        ) from error
    return Split(images, labels, tuple(files))


def spread_rows(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most `most` of `count` rows, in order and evenly spread: so are their classes."""
    rows = np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    return np.unique(rows)


def read_info(folder: Path) -> dict[str, Any]:
    """Return the contents of dataset.json; raise JobError when it is missing."""
    path = folder / INFO_FILE
    if not path.is_file():
        raise JobError(f"{path} is missing: {folder} is no prepared data set")
    info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return info


def images_path(folder: Path, split: str) -> Path:
    """Return the path of a split's pixels."""
    return folder / f"{split}.images.npy"


def image_offset(row: int, resize: int) -> int:
    """Return the byte at which a row starts in an images file."""
    return len(_header(0, resize)) + row * 3 * resize * resize


def create_images(rows: Mapping[Path, int], resize: int) -> None:
    """Create images files of so many rows each, with their whole space reserved on the disk.

    Raises JobError when the disk is too small, and then leaves none of them behind.
    """
    try:
        for path, count in rows.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(_header(count, resize))
                file.flush()
                reserve(file.fileno(), image_offset(count, resize))
    except OSError as error:
        for created in rows:
            with contextlib.suppress(OSError):
                created.unlink(missing_ok=True)
        if not is_disk_full(error):
            raise
        needed = sum(image_offset(count, resize) for count in rows.values())
        raise JobError(disk_full_message(path, needed)) from error


def copy_images(target: Path, sources: Sequence[tuple[Path, int]], resize: int) -> None:
    """Create an images file from rows of others, in the order given."""
    create_images({target: len(sources)}, resize)
    with contextlib.ExitStack() as stack:
        files = {
            path: stack.enter_context(path.open("rb")) for path in {path for path, _ in sources}
        }
        out = stack.enter_context(target.open("r+b"))
        out.seek(image_offset(0, resize))
        for path, row in sources:
            files[path].seek(image_offset(row, resize))
            out.write(files[path].read(3 * resize * resize))


def read_contents(folder: Path, split: str) -> tuple[str, ...]:
    """Return the sha256 of each file of a split, in row order; raise JobError without them."""
    path = folder / f"{split}.contents.json"
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise JobError(f"{path} is missing: {folder} is no prepared {split} split") from error


def read_sizes(folder: Path, split: str) -> npt.NDArray[np.int64] | None:
    """Return width and height of each file of a split (N, 2); None where an older Prepare ran."""
    path = folder / f"{split}.sizes.npy"
    if not path.is_file():
        return None
    sizes: npt.NDArray[np.int64] = np.load(path, allow_pickle=False).astype(np.int64)
    return sizes


def write_rows(
    folder: Path,
    split: str,
    labels: Sequence[int],
    files: Sequence[str],
    *,
    contents: Sequence[str],
    sizes: Sequence[tuple[int, int]],
) -> None:
    """Write the labels, names, contents and sizes of a split's files, in row order."""
    np.save(folder / f"{split}.labels.npy", np.array(labels, dtype=np.int64))
    np.save(folder / f"{split}.sizes.npy", np.array(sizes, dtype=np.int32).reshape(-1, 2))
    write_json(folder / f"{split}.files.json", files)
    write_json(folder / f"{split}.contents.json", contents)


def write_json(path: Path, value: object) -> None:
    """Write indented JSON; the same value gives the same bytes."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def mean_and_std(
    sums: Iterable[Sums], pixels_each: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel, from 0 to 1, exact over all pixels."""
    together, count = np.zeros((2, 3), np.int64), 0
    for one in sums:
        together += one
        count += pixels_each
    totals, squares = together.tolist()
    means = [Fraction(total, 255 * count) for total in totals]
    variances = [
        Fraction(square, 255 * 255 * count) - mean * mean
        for square, mean in zip(squares, means, strict=True)
    ]
    # a channel that never changes has no spread to divide by: one grey level stands in for it
    stds = (max(math.sqrt(variance), 1 / 255) for variance in variances)
    return tuple(float(mean) for mean in means), tuple(stds)


def _header(rows: int, resize: int) -> bytes:
    """Return the .npy header, of the same length whatever the number of rows."""
    buffer = BytesIO()
    shape = (rows, 3, resize, resize)
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def reserve(descriptor: int, size: int) -> None:
    """Make a file `size` bytes long and reserve its disk space; raise OSError on a full disk."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if is_disk_full(error):
            raise
        os.ftruncate(descriptor, size)  # this file system cannot reserve space
