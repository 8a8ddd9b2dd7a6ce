"""Rows are ordered by class and content; equal contents lie together, in whatever class."""

import pytest

from pictures.image_folder import ImageFolder, PictureFile
from pictures.row_plan import Picture, plan_rows

FRACTIONS = (0.6, 0.2, 0.2)


def picture(name: str, content: str) -> Picture:
    """`name` is SPLIT/CLASS/FILE or CLASS/FILE."""
    *split, label, _ = name.split("/")
    return Picture(PictureFile(f"/data/{name}", name, label, split[0] if split else None), content)


def folder_of(pictures: list[Picture], is_split: bool) -> ImageFolder:
    classes = tuple(sorted({each.file.label for each in pictures}))
    return ImageFolder(classes, tuple(each.file for each in pictures), is_split, ())


def test_copies_share_a_split_in_both_of_their_classes() -> None:
    own = [picture(f"{label}/{n}.png", f"{label}{n}") for label in "ab" for n in range(9)]
    copies = [picture(f"{label}/copy{n}.png", "shared") for label in "ab" for n in range(3)]
    pictures = [*copies, *own][::-1]
    rows = plan_rows(folder_of(pictures, False), pictures, FRACTIONS, 0)
    (holding,) = [split for split in rows if set(copies) & set(rows[split])]
    assert [each for each in rows[holding] if each.content == "shared"] == copies
    for planned in rows.values():
        order = [(each.file.label, each.content, each.file.name) for each in planned]
        assert order == sorted(order)


def test_a_given_split_keeps_copies_where_they_lie() -> None:
    names = [f"{split}/{label}/1.png" for split in ("train", "valid", "test") for label in "ab"]
    pictures = [picture(name, "the same") for name in names]
    rows = plan_rows(folder_of(pictures, True), pictures, FRACTIONS, 0)
    assert [each.file.name for split in rows for each in rows[split]] == names


@pytest.mark.parametrize("seed", [0, 1])
def test_a_content_is_drawn_alike_whatever_its_name(seed: int) -> None:
    pictures = [picture(f"{label}/{n}.png", f"{label}{n}") for label in "ab" for n in range(20)]
    renamed = [
        picture(f"{each.file.label}/x{n}.png", each.content) for n, each in enumerate(pictures)
    ]
    first, second = (
        plan_rows(folder_of(found, False), found, FRACTIONS, seed) for found in (pictures, renamed)
    )
    for split in first:
        assert [each.content for each in first[split]] == [each.content for each in second[split]]
