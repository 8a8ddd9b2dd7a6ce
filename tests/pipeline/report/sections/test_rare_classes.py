"""What weights did is told by what was measured: nothing is compared that was not."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from pipeline.comparing.differences import Difference
from pipeline.report.sections.before import Before
from pipeline.report.sections.rare_classes import rare_classes
from tests.pipeline.report.report_samples import a_before, a_dataset, an_evaluation

CLASSES = ("ape", "bee", "cat", "dog")
TRAIN = {"ape": 60, "bee": 20, "cat": 10, "dog": 30}


def found(counts: dict[str, int] = TRAIN, **given: Any) -> Any:
    random = Random(0)  # noqa: S311
    dataset = replace(a_dataset(CLASSES, random), counts={"train": counts})
    return rare_classes("balanced", dataset, an_evaluation(CLASSES, random), **given)


def before(*settings: Difference) -> Before:
    known = a_before(CLASSES)
    return replace(known, comparison=replace(known.comparison, settings=settings))


def test_the_rarest_half_is_shown_with_its_weights_and_counted_together() -> None:
    told = found()
    assert [(one.name, one.training_pictures, one.weight) for one in told.rarest] == [
        ("cat", 10, 3.0),
        ("bee", 20, 1.5),
    ]
    assert (told.rare.classes, told.others.classes, told.even) == (2, 2, False)
    assert told.rare.pictures == told.others.pictures == 14
    assert told.rare.right == sum(round(7 * one.recall) for one in told.rarest)
    assert told.rare.low < told.rare.right / 14 <= told.rare.high


def test_alone_it_is_compared_with_nothing() -> None:
    told = found()
    assert (told.champion, told.before, told.before_kind) == (False, None, None)
    assert {one.champion for one in told.rarest} == {one.before for one in told.rarest} == {None}


def test_the_champion_and_the_run_before_stand_beside_it_where_they_were_measured() -> None:
    told = found(champion={"cat": 0.25}, before=before())
    assert told.champion
    assert [one.champion for one in told.rarest] == [0.25, None]
    assert [one.before for one in told.rarest] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("settings", "kind", "others"),
    [
        ((), "balanced", 0),  # no setting differs
        ((Difference("training.class_weights", "balanced", "none"),), "none", 0),
        ((Difference("training.lr", "1", "2"),), "balanced", 1),
    ],
)
def test_it_says_what_else_differs_from_the_run_before(
    settings: tuple[Difference, ...], kind: str, others: int
) -> None:
    told = found(before=before(*settings))
    assert (told.before_kind, told.other_differences) == (kind, others)


def test_classes_of_one_size_are_said_to_be_even() -> None:
    told = found(dict.fromkeys(CLASSES, 9))
    assert told.even
    assert {one.weight for one in told.rarest} == {1.0}
