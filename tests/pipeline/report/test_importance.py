"""Which hyperparameter mattered, where it is known which did."""

import math
import random
from typing import Any

import pytest

from pipeline.report.importance import importance_of
from pipeline.report.sections.tuning import Trial

RANGES = {
    "ContinuousParameterRanges": [
        {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "decay", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"},
    ],
    "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "9"}],
    "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ['"SGD"', '"AdamW"']}],
}


def _trials(count: int, score: Any) -> list[Trial]:
    chance = random.Random(0)  # noqa: S311 - no secrets
    found = []
    for number in range(1, count + 1):
        given = {
            "lr": str(10 ** chance.uniform(-4, -1)),
            "decay": str(chance.random()),
            "epochs": str(chance.randint(1, 9)),
            "optimizer": chance.choice(["SGD", "AdamW"]),
        }
        found.append(Trial(number, f"t{number}", "Completed", given, score(given)))
    return found


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("lr", lambda given: -abs(math.log10(float(given["lr"])) + 2)),
        ("epochs", lambda given: int(given["epochs"]) + 0.01 * float(given["decay"])),
        ("optimizer", lambda given: (given["optimizer"] == "SGD") + 0.1 * float(given["decay"])),
    ],
)
def test_the_one_that_decides_comes_first(name: str, score: Any, maximize: bool) -> None:
    sign = 1 if maximize else -1
    found, note = importance_of(_trials(40, lambda g: sign * score(g)), RANGES, maximize)
    assert found[0].name == name
    assert sum(one.share for one in found) == pytest.approx(1)
    assert {one.name for one in found} == {"lr", "decay", "epochs", "optimizer"}
    assert note == "PED-ANOVA: what sets the better half of 40 trials apart"


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (_trials(3, lambda _: 1.0), "3 trials have a result: at least 4"),
        (_trials(9, lambda _: None), "0 trials have a result"),
        (_trials(9, lambda _: 1.0), "same result"),
    ],
)
def test_where_nothing_can_be_said_the_note_says_why(trials: list[Trial], message: str) -> None:
    found, note = importance_of(trials, RANGES, maximize=True)
    assert found == ()
    assert message in note


def test_few_trials_are_a_hint() -> None:
    _, note = importance_of(_trials(6, lambda given: float(given["decay"])), RANGES, maximize=True)
    assert "take it as a hint" in note or "do not tell" in note
