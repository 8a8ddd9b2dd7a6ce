"""What evaluation.json says of the surest answers, read for people and for comparisons."""

from typing import Any

import pytest

from pipeline.comparing.coverage import read_coverage


def point(coverage: float, accuracy: float) -> dict[str, float]:
    return {"coverage": coverage, "confidence": 1 - coverage / 2, "accuracy": accuracy}


def promised(coverage: float, *, kept: bool = True) -> dict[str, Any]:
    test: dict[str, Any] = {"test_coverage": 0.78, "test_accuracy": 0.921, "kept": kept}
    return point(coverage, 0.911) | test


def evaluation(**changes: Any) -> dict[str, Any]:
    section = {
        "summary": "answers the 80% it is surest of with 92.0% accuracy",
        "points": [point(0.4, 0.99), point(0.79, 0.92), point(1, 0.83)],
        "promised": [promised(0.4), promised(0.8), promised(1)],
        "at": {"accuracy": 0.95, "coverage": 0.7},
    }
    return {"coverage": section | changes, "unknown": {"refused": 0.05}}


@pytest.mark.parametrize(("kept", "ends"), [(True, "rightly: kept"), (False, "rightly: not kept")])
def test_the_promise_that_is_told_is_that_about_80_percent(kept: bool, ends: str) -> None:
    found = read_coverage(evaluation(promised=[promised(0.4), promised(0.81, kept=kept)]))
    assert found is not None and found.promise is not None
    assert found.promise.words() == (
        "validation promised 91.1% accuracy on the surest 81%; as sure of 78% of the test, "
        f"92.1% of them {ends}"
    )


def test_a_promise_that_no_test_picture_is_as_sure_as_has_no_accuracy() -> None:
    nothing = promised(0.8, kept=False) | {"test_coverage": 0, "test_accuracy": None}
    found = read_coverage(evaluation(promised=[nothing]))
    assert found is not None and found.promise is not None
    assert found.promise.words().endswith("as sure of 0% of the test: not kept")


def test_two_models_can_be_compared_by_its_figures() -> None:
    found = read_coverage(evaluation())
    assert found is not None
    assert found.figures() == {
        "accuracy_on_the_surest_80%": 0.92,
        "called_unknown": 0.05,
        "answered_with_0.95_accuracy": 0.7,
    }


def test_of_few_pictures_nothing_near_80_percent_is_told() -> None:
    found = read_coverage(
        evaluation(points=[point(0.5, 1), point(1, 0.5)], promised=[promised(1)], at=None)
    )
    assert found is not None
    assert found.promise is None
    assert found.figures() == {"called_unknown": 0.05}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"coverage": None},
        {"coverage": []},
        {"coverage": {}},
        evaluation(points=[{"accuracy": 1}]),
        evaluation(points=7),
        evaluation(promised=["x"]),
        evaluation(at={"accuracy": "high"}),
        evaluation(points=[point(0.8, 1.5)]),
        evaluation(points=[point(float("nan"), 0.5)]),
    ],
)
def test_what_cannot_be_read_is_nothing(odd: dict[str, Any]) -> None:
    assert read_coverage(odd) is None
