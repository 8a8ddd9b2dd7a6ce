"""Hash one picture file, or decode it into its row of an .npy file, in a worker process."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from folders.walk import first_bytes, is_called_a_picture
from picture_formats import UnusableImage, is_picture
from picture_notes import Notes
from preprocessing import MAX_FILE_BYTES, check_bytes, decode_with_notes, picture_size

Sums = npt.NDArray[np.int64]  # (2, 3): by channel (RGB), pixels summed and their squares


@dataclass(frozen=True, slots=True)
class Refused:
    """The reason why a file is no usable picture."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoPicture:
    """A file that neither is called a picture nor begins as one: notes, a list, a sidecar."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a picture in its row: its pixels' sums, its size, what was done to it."""

    sums: Sums
    size: tuple[int, int]
    notes: Notes


@dataclass(frozen=True, slots=True)
class Row:
    """Where a picture's pixels go: `offset` bytes into the .npy file `target`."""

    source: str
    target: Path
    offset: int
    resize: int


def hash_file(file: str) -> str | Refused | NoPicture:
    """Return the sha256 of a file's bytes, or why it is refused without being decoded."""
    path = Path(file)
    try:
        if not is_called_a_picture(file) and not is_picture(first_bytes(file)):
            return NoPicture()
        if not path.is_file():
            is_broken = path.is_symlink() and not path.exists()
            return Refused("a broken link" if is_broken else "no regular file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return Refused(f"{size:,} bytes; at most {MAX_FILE_BYTES:,} are read")
        data = path.read_bytes()
        check_bytes(data)
    except OSError as error:
        return Refused(f"cannot be read ({error.strerror})")
    except UnusableImage as error:
        return Refused(str(error))
    return hashlib.sha256(data).hexdigest()


def write_picture(row: Row) -> Written | Refused:
    """Decode a picture into its row and sum its pixels; raise OSError when the disk is full."""
    try:
        data = Path(row.source).read_bytes()
    except OSError as error:
        return Refused(f"cannot be read ({error.strerror})")
    try:
        pixels, notes = decode_with_notes(data, row.resize)
        size = picture_size(data)
    except UnusableImage as error:
        return Refused(str(error))
    with row.target.open("r+b") as file:
        file.seek(row.offset)
        file.write(pixels.data)
    return Written(sum_pixels(pixels), size, notes)


def sum_pixels(pixels: npt.NDArray[np.uint8]) -> Sums:
    """Return the exact sums of a uint8 (3, R, R) picture, from its histograms."""
    values = np.arange(256, dtype=np.int64)
    counts = np.array([Image.fromarray(channel).histogram() for channel in pixels], dtype=np.int64)
    return np.stack([counts @ values, counts @ values**2])
