"""Which condition of the gate failed, by how much, and when chance decided."""

import pytest

from pipeline.comparing.intervals import wilson_interval
from pipeline.report.gate import Gate, chance, unmet

LOST = Gate(0.6, 0.01, 0.03, "the champion (dogs/3) has 0.8", "Overfit IssuesFound: at step 4")


@pytest.mark.parametrize(
    ("gate", "right", "pictures", "said"),
    [
        (
            Gate(0.6),
            19,
            36,
            "Test accuracy 52.8% is below the gate's 60.0% by 7.2 points: 3 more of 36 pictures"
            " right would do",
        ),
        (Gate(0.6), 5_999, 10_000, "by 0.01 points: 1 more of 10,000"),
        (Gate(0.9), 0, 1, "by 90.0 points: 1 more of 1 pictures"),
        (
            Gate(0.6, 0.01, 0.03, "the champion (dogs/3) has 0.8"),
            80,
            100,
            "Worse than the champion by 3.0 points, 2.0 points more than ChampionTolerance allows:"
            " the champion (dogs/3) has 0.8",
        ),
        (
            Gate(coverage=0.61, covered_accuracy=0.95, coverage_minimum=0.7),
            80,
            100,
            "Only the surest 61.0% of the pictures are answered with an accuracy of 95.0%, and the"
            " gate asks for 70.0%",
        ),
        (Gate(0.6, issues="Overfit"), 80, 100, "Debugger rules found issues: Overfit"),
    ],
)
def test_a_condition_that_does_not_hold_is_said_with_how_much_is_missing(
    gate: Gate, right: int, pictures: int, said: str
) -> None:
    (condition,) = unmet(gate, right, pictures)
    assert said in condition.text


@pytest.mark.parametrize("gate", [Gate(), Gate(0.8, 0.03, 0.03), Gate(0.8, None, None)])
def test_what_holds_is_not_said(gate: Gate) -> None:
    assert unmet(gate, 80, 100) == ()  # just at its limits


def test_every_condition_that_does_not_hold_is_said() -> None:
    findings = [condition.finding for condition in unmet(LOST, 50, 100)]
    assert findings == ["accuracy too low", "worse than the champion", "rule found issues"]


@pytest.mark.parametrize(
    ("gate", "right", "pictures", "said"),
    [
        (Gate(0.6), 24, 36, "36 test pictures cannot tell: the accuracy may be anything from"),
        (Gate(0.6), 24, 36, "the gate asks for 60.0%; about 210 pictures would tell"),
        (Gate(0.6), 20, 36, "about 490 pictures would tell"),  # below it, perhaps by chance
        (Gate(0.6), 1, 1, "1 test picture cannot tell"),
        (Gate(0.5), 50, 100, "the gate asks for 50.0%"),  # no number of pictures would tell
        (
            Gate(0.2, 0.01, 0.0, "as good"),
            75,
            80,
            "one of 80 test pictures is 1.2 points, more than ChampionTolerance (1.0 point): 100"
            " pictures or more can tell",
        ),
    ],
)
def test_few_pictures_leave_it_to_chance(gate: Gate, right: int, pictures: int, said: str) -> None:
    around = wilson_interval(right, pictures)
    assert said in (chance(gate, right, pictures, around.low, around.high) or "")


@pytest.mark.parametrize(
    ("gate", "right", "pictures"),
    [
        (Gate(0.6), 30, 36),  # 68 % at the least
        (Gate(0.9), 20, 36),  # nor is it near enough from below
        (Gate(0.0), 0, 36),  # nothing is asked for
        (Gate(0.2, 0.05, 0.0, "as good"), 30, 36),
        (Gate(0.2, 0.0, 0.0, "as good"), 30, 36),  # no picture may be lost: that is certain
        (Gate(0.2, 0.01, None, None), 30, 36),  # nothing was compared
        (Gate(), 0, 0),
    ],
)
def test_what_the_pictures_can_tell_is_no_matter_of_chance(
    gate: Gate, right: int, pictures: int
) -> None:
    around = wilson_interval(right, pictures)
    assert chance(gate, right, pictures, around.low, around.high) is None
