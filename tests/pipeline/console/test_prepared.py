"""A run's data set, opened once, and its pictures by split and row."""

from collections.abc import Sequence

import pytest

from pipeline.console.prepared import Prepared, PreparedSets, SplitRows
from pipeline.report.sections.dataset import Dataset, Duplicate
from pipeline.report.seen import SeenPicture
from pipeline.report.sources.pictures import Squares
from pipeline.report.sources.source import Absent, Source

SQUARES = Squares("s3://b/x.npy", 128, 4, 8, 8)


def prepared(**dataset: Sequence[Duplicate]) -> Prepared:
    rows = {
        "train": SplitRows([f"a/{n}.jpg" for n in range(4)], [0, 0, 1, 1], SQUARES),
        "test": SplitRows(["b/0.jpg", "b/1.jpg"], [1, 0], SQUARES),
    }
    counts = {split: {"a": 1, "b": 1} for split in rows}
    found = Dataset(("a", "b"), counts, "f", 8, "folders", **dataset)  # type: ignore[arg-type]
    seen = (SeenPicture("b/0.jpg", "a/3.jpg", False, 0.98), SeenPicture("b/1.jpg", "x", True, 1.0))
    return Prepared(found, seen, rows, source=None)  # type: ignore[arg-type]


def test_pictures_of_a_class_are_found_in_every_split() -> None:
    places = [(one.split, one.row, one.label) for one in prepared().of_class(1)]
    assert places == [("train", 2, "b"), ("train", 3, "b"), ("test", 0, "b")]


@pytest.mark.parametrize(("split", "row"), [("train", 4), ("train", -1), ("../test", 0), ("", 0)])
def test_what_the_index_has_not_is_no_picture(split: str, row: int) -> None:
    with pytest.raises(LookupError):
        prepared().picture(split, row)
    with pytest.raises(LookupError):
        prepared().thumbnail(split, row)


@pytest.mark.parametrize(("most", "rows"), [(2, [0, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])])
def test_some_pictures_are_spread_over_the_largest_split(most: int, rows: list[int]) -> None:
    assert [one.row for one in prepared().some(most)] == rows


def test_copies_that_harm_come_first_and_the_same_file_is_told_once() -> None:
    harmless = Duplicate(("a/0.jpg", "a/1.jpg"), ("train",), ("a",))
    conflict = Duplicate(("a/1.jpg", "a/2.jpg"), ("train",), ("a", "b"))
    across = Duplicate(("a/0.jpg", "b/1.jpg", "gone.jpg"), ("test", "train"), ("a",))
    found = prepared(duplicates=(harmless, across), same_pixels=(conflict,)).copies()
    assert [(one.kind, one.harms) for one in found] == [
        ("same pixels", "several classes"),
        ("same file", "several splits"),
        ("nearly the same, likeness 0.98", "several splits"),
        ("same file", ""),
    ]
    assert [(one.split, one.row) for one in found[1].pictures] == [("train", 0), ("test", 1)]


def test_only_the_last_data_sets_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_one(_source: Source, arn: str) -> Prepared:
        opened.append(arn)
        if arn == "early":
            raise Absent("not yet")
        return prepared()

    monkeypatch.setattr("pipeline.console.prepared.open_prepared", open_one)
    sets = PreparedSets(kept=2)

    def get(arn: str, seen: str = "Succeeded") -> None:
        sets.get(arn, seen, lambda: None)  # type: ignore[arg-type, return-value]

    for arn in ("a", "b", "a", "c", "a", "b"):
        get(arn)
    assert opened == ["a", "b", "c", "b"]
    for _ in range(2):  # a step that has not ended yet is asked again
        with pytest.raises(Absent):
            get("early")
    assert opened[4:] == ["early", "early"]
    get("b", "Executing")  # its pictures are still being compared
    assert opened[6:] == ["b"]
