"""Plan which picture goes into which split and row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from folders.layout import SPLITS
from job.errors import JobError
from pictures.image_folder import ImageFolder, PictureFile
from pictures.stratified_split import Fractions, shares_of, stratified_split, too_few_message


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

    The split is the folders', where they give one, else drawn with `fractions` and `seed`: of all
    pictures, or of those in train where only some splits have folders. Raises JobError naming a
    class that cannot be in every split.
    """
    _check_given_splits(found, pictures)
    drawn = _draw(found, pictures, fractions, seed) if found.drawn else {}
    rows: Rows = {split: [] for split in SPLITS}
    for picture in sorted(
        pictures, key=lambda each: (each.file.label, each.content, each.file.name)
    ):
        rows[picture.file.split or drawn[picture.content]].append(picture)
    return rows


def _draw(
    found: ImageFolder, pictures: Sequence[Picture], fractions: Fractions, seed: int
) -> dict[str, str]:
    shares = shares_of(fractions, found.drawn)
    pool = [each for each in pictures if each.file.split is None]
    for label in sorted(set(found.classes) - {picture.file.label for picture in pool}):
        raise JobError(too_few_message(label, 0, found.drawn))
    contents = ((picture.file.label, picture.content) for picture in pool)
    return stratified_split(contents, shares, seed)


def _check_given_splits(found: ImageFolder, pictures: Sequence[Picture]) -> None:
    counts = Counter((picture.file.split, picture.file.label) for picture in pictures)
    for split in (split for split in SPLITS if split not in found.drawn):
        for label in found.classes:
            if counts[split, label] == 0:
                raise JobError(
                    f"class {label!r} has no usable picture in {split}; every class needs one or"
                    " more in each split: add some, or remove the class from all splits"
                )
