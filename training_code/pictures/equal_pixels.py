"""Find different files that were decoded to the same pixels: too many of them are a mistake."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from pictures.dataset import image_offset
from pictures.dataset_info import listed_groups
from pictures.picture_rows import Sums
from pictures.row_plan import Picture, Rows


def equal_pixels(
    rows: Rows, sums: Mapping[Picture, Sums], images: Mapping[str, Path], resize: int
) -> list[dict[str, list[str]]]:
    """List the groups of files of different content and the same stored pixels.

    Only pictures whose sums are equal are read again, which few are.
    """
    seen: set[int] = set()
    again: set[int] = set()
    for one in sums.values():
        number = hash(one.tobytes())
        (again if number in seen else seen).add(number)
    groups: dict[bytes, list[tuple[str, Picture]]] = defaultdict(list)
    for split, pictures in rows.items():
        for row, picture in enumerate(pictures):
            if hash(sums[picture].tobytes()) in again:
                pixels = _read(images[split], row, resize)
                groups[hashlib.sha256(pixels).digest()].append((split, picture))
    return listed_groups(
        group for group in groups.values() if len({picture.content for _, picture in group}) > 1
    )


def _read(images: Path, row: int, resize: int) -> bytes:
    with images.open("rb") as file:
        file.seek(image_offset(row, resize))
        return file.read(3 * resize * resize)
