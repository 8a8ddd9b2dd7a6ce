"""Plan which picture goes into which split and row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from job.errors import JobError
from pictures.image_folder import SPLITS, ImageFolder, PictureFile
from pictures.stratified_split import Fractions, stratified_split, too_few_message


@dataclass(frozen=True, slots=True)
class Picture:
    """A file and the sha256 of its bytes, in hexadecimal."""

    file: PictureFile
    content: str


Rows = dict[str, list[Picture]]  # split -> its pictures, in row order


def plan_rows(
    found: ImageFolder, pictures: Sequence[Picture], fractions: Fractions, seed: int
) -> Rows:
    """Return the pictures of every split, ordered by class and content.

    The split is the folders', where they give one, else drawn with `fractions` and `seed`.
    Raises JobError naming a class that cannot be in every split.
    """
    if found.is_split:
        _check_given_splits(found, pictures)
        drawn = {}
    else:
        for label in sorted(set(found.classes) - {picture.file.label for picture in pictures}):
            raise JobError(too_few_message(label, 0))
        contents = ((picture.file.label, picture.content) for picture in pictures)
        drawn = stratified_split(contents, fractions, seed)
    rows: Rows = {split: [] for split in SPLITS}
    for picture in sorted(
        pictures, key=lambda each: (each.file.label, each.content, each.file.name)
    ):
        rows[picture.file.split or drawn[picture.content]].append(picture)
    return rows


def _check_given_splits(found: ImageFolder, pictures: Sequence[Picture]) -> None:
    counts = Counter((picture.file.split, picture.file.label) for picture in pictures)
    for split in SPLITS:
        for label in found.classes:
            if counts[split, label] == 0:
                raise JobError(
                    f"class {label!r} has no usable picture in {split}; every class needs one or"
                    " more in each split: add some, or remove the class from all splits"
                )
