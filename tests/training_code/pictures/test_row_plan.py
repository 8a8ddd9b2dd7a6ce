"""Rows are ordered by class and content; equal contents lie together, in whatever class."""

import pytest

from folders.layout import SPLITS
from job.errors import JobError
from pictures.image_folder import ImageFolder, PictureFile
from pictures.row_plan import Picture, plan_rows

FRACTIONS = (0.6, 0.2, 0.2)


def picture(name: str, content: str) -> Picture:
    """`name` is SPLIT/CLASS/FILE or CLASS/FILE."""
    *split, label, _ = name.split("/")
    return Picture(PictureFile(f"/data/{name}", name, label, split[0] if split else None), content)


def folder_of(pictures: list[Picture], drawn: tuple[str, ...] = SPLITS) -> ImageFolder:
    classes = tuple(sorted({each.file.label for each in pictures}))
    return ImageFolder(classes, tuple(each.file for each in pictures), drawn)


def test_copies_share_a_split_in_both_of_their_classes() -> None:
    own = [picture(f"{label}/{n}.png", f"{label}{n}") for label in "ab" for n in range(9)]
    copies = [picture(f"{label}/copy{n}.png", "shared") for label in "ab" for n in range(3)]
    pictures = [*copies, *own][::-1]
    rows = plan_rows(folder_of(pictures), pictures, FRACTIONS, 0)
    (holding,) = [split for split in rows if set(copies) & set(rows[split])]
    assert [each for each in rows[holding] if each.content == "shared"] == copies
    for planned in rows.values():
        order = [(each.file.label, each.content, each.file.name) for each in planned]
        assert order == sorted(order)


def test_a_given_split_keeps_copies_where_they_lie() -> None:
    names = [f"{split}/{label}/1.png" for split in ("train", "valid", "test") for label in "ab"]
    pictures = [picture(name, "the same") for name in names]
    rows = plan_rows(folder_of(pictures, ()), pictures, FRACTIONS, 0)
    assert [each.file.name for split in rows for each in rows[split]] == names


@pytest.mark.parametrize("seed", [0, 1])
def test_a_content_is_drawn_alike_whatever_its_name(seed: int) -> None:
    pictures = [picture(f"{label}/{n}.png", f"{label}{n}") for label in "ab" for n in range(20)]
    renamed = [
        picture(f"{each.file.label}/x{n}.png", each.content) for n, each in enumerate(pictures)
    ]
    first, second = (
        plan_rows(folder_of(found), found, FRACTIONS, seed) for found in (pictures, renamed)
    )
    for split in first:
        assert [each.content for each in first[split]] == [each.content for each in second[split]]


@pytest.mark.parametrize("missing", ["valid", "test"])
def test_a_split_that_no_folder_gives_is_cut_out_of_train_and_the_other_is_kept(
    missing: str,
) -> None:
    given = "test" if missing == "valid" else "valid"
    train = [picture(f"{label}/{n}.png", f"{label}{n}") for label in "ab" for n in range(40)]
    kept = [picture(f"{given}/{label}/1.png", f"kept {label}") for label in "ab"]
    pictures = [*train, *kept]
    rows = plan_rows(folder_of(pictures, ("train", missing)), pictures, FRACTIONS, 0)
    assert rows[given] == kept
    # 0.6 and 0.2 of the whole are 3 and 1 of 4 parts of train
    assert {split: len(rows[split]) for split in ("train", missing)} == {"train": 60, missing: 20}
    assert {each.file.label for each in rows[missing]} == {"a", "b"}


def test_a_class_too_small_to_be_divided_is_named() -> None:
    train = [picture("a/1.png", "a1"), picture("b/1.png", "b1"), picture("b/2.png", "b2")]
    pictures = [*train, picture("test/a/2.png", "a2"), picture("test/b/3.png", "b3")]
    with pytest.raises(JobError, match=r"'a' has 1 usable.*at least 2 .* for train and valid:"):
        plan_rows(folder_of(pictures, ("train", "valid")), pictures, FRACTIONS, 0)
