"""What two versions took for what, and how far their confidence was earned."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.registry.confusions import (
    ConfusedPair,
    Confusion,
    calibration_of,
    confused_pairs,
    confusion_of,
)
from pipeline.registry.versions import Version

BIN = {"lower": 0.8, "upper": 0.9, "count": 4, "confidence": 0.85, "accuracy": 0.75}


def version(**metrics: Any) -> Version:
    evaluation = {"multiclass_classification_metrics": metrics}
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    return Version(1, "arn", "dogs", "Approved", moment, "", {}, "", evaluation, "")


def confused(**rows: dict[str, Any]) -> Version:
    return version(confusion_matrix=rows)


def test_the_largest_difference_comes_first_and_what_is_right_is_none() -> None:
    one = confused(pug={"pug": 9, "boxer": 1, "cat": 2}, boxer={"pug": 3, "boxer": 4})
    other = confused(pug={"pug": 5, "boxer": 5, "cat": 2}, cat={"pug": 1})
    assert confused_pairs(one, other) == (
        ConfusedPair("pug", "boxer", 1, 5),
        ConfusedPair("boxer", "pug", 3, 0),
        ConfusedPair("cat", "pug", 0, 1),
    )


@pytest.mark.parametrize("matrix", [None, [], {"pug": 3}, {"pug": {"boxer": "many"}}])
def test_what_cannot_be_read_counts_for_nothing(matrix: Any) -> None:
    found = version(confusion_matrix=matrix)
    assert confused_pairs(found, found) == ()
    assert confused_pairs(found, confused(pug={"cat": 1})) == (ConfusedPair("pug", "cat", 0, 1),)


def test_a_matrix_has_the_order_of_its_file() -> None:
    found = confusion_of(confused(b={"b": 1, "a": 2}, a={"a": 3}))
    assert found == Confusion(("b", "a"), ((1, 2), (0, 3)))
    assert confusion_of(version()) is None
    assert confusion_of(version(confusion_matrix={"pug": 3})) is None


def test_a_calibration_keeps_the_bins_with_answers() -> None:
    empty = BIN | {"count": 0}
    found = calibration_of(version(expected_calibration_error={"value": 0.1, "bins": [BIN, empty]}))
    assert found is not None
    assert (found.error, [one.count for one in found.bins]) == (0.1, [4])


@pytest.mark.parametrize(
    "found",
    [
        None,
        {"value": 0.1},
        {"value": "x", "bins": []},
        {"value": 0.1, "bins": [{"count": 1}]},
        {"value": 0.1, "bins": [BIN | {"accuracy": 7}]},
        {"value": 0.1, "bins": [BIN | {"confidence": float("nan")}]},
    ],
)
def test_a_calibration_that_is_none_is_left_out(found: Any) -> None:
    assert calibration_of(version(expected_calibration_error=found)) is None
