"""Charts say what was measured, and are left out where they would say nothing."""

import math

import pytest

from pipeline.console.charts import HEIGHT, WIDTH, best_so_far, curves_of, parallel_of
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.tuning import Trial, Tuning


def trial(number: int, value: float | None, best: float | None = None, **given: str) -> Trial:
    return Trial(number, f"t{number}", "Completed", given, value, best)


def tuning(*trials: Trial, maximize: bool = True, best: str = "t2") -> Tuning:
    return Tuning("job", "valid:accuracy", maximize, "Random", trials, best)


SEARCH = tuning(
    trial(1, 0.5, 0.5, lr="0.001", optimizer="SGD", fixed="1"),
    trial(2, 0.9, 0.9, lr="0.1", optimizer="AdamW", fixed="1"),
    trial(3, None, 0.9, lr="0.01", optimizer="SGD", fixed="1"),
)


def points(text: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in text.split()]  # type: ignore[misc]


def test_curves_have_a_line_for_training_and_validation() -> None:
    loss, accuracy = curves_of([Epoch(1, 1.5, 0.25, 1.25, 0.5), Epoch(2, 0.5, 0.75, 0.75, 0.875)])
    assert [curve.name for curve in loss.curves] == ["training", "validation"]
    assert "after epoch 2: training 0.75, validation 0.875" in accuracy.words
    (x1, y1), (x2, y2) = points(loss.curves[0].points)
    assert 0 < x1 < x2 < WIDTH and 0 < y1 < y2 < HEIGHT  # the loss falls
    assert [tick.text for tick in loss.down] == ["0.5", "1", "1.5"]


@pytest.mark.parametrize("epochs", [[], [Epoch(1, 1.0, 0.5, 1.0, 0.5)]])
def test_a_curve_of_one_point_is_left_out(epochs: list[Epoch]) -> None:
    assert curves_of(epochs) == []


def test_what_is_not_finite_is_not_drawn() -> None:
    wild = [Epoch(n, math.nan, 0.5, math.inf, 0.5) for n in (1, 2)]
    (accuracy,) = curves_of(wild)
    assert "nan" not in "".join(curve.points for curve in accuracy.curves)


def test_trials_are_dots_under_the_line_of_the_best_so_far() -> None:
    chart = best_so_far(SEARCH)
    assert chart is not None
    dots, line = chart.curves
    assert len(dots.dots) == 2 and not dots.points
    assert len(points(line.points)) == 2
    assert best_so_far(tuning(trial(1, 0.5, 0.5))) is None


def test_parallel_axes_are_what_was_varied_and_the_objective() -> None:
    drawn = parallel_of(SEARCH)
    assert drawn is not None
    assert [axis.name for axis in drawn.axes] == ["lr", "optimizer", "valid:accuracy"]
    assert [tick.text for tick in drawn.axes[1].ticks] == ["AdamW", "SGD"]
    running, worst, best = drawn.ways
    assert (running.rank, worst.rank, best.rank) == (0, 1, 5)
    assert best.is_best and best.trial == 2
    # it has no objective yet, and a logarithmic place between the others
    assert len(points(running.points)) == 2
    assert points(running.points)[0][1] == (drawn.top + drawn.bottom) / 2


def test_the_best_of_a_loss_is_the_lowest() -> None:
    drawn = parallel_of(tuning(trial(1, 2.0, lr="1"), trial(2, 1.0, lr="2"), maximize=False))
    assert drawn is not None
    assert {way.trial: way.rank for way in drawn.ways} == {1: 1, 2: 5}


@pytest.mark.parametrize(
    "search",
    [tuning(), tuning(trial(1, 0.5, lr="1")), tuning(trial(1, 0.5, lr="1"), trial(2, 0.6, lr="1"))],
)
def test_axes_that_say_nothing_are_left_out(search: Tuning) -> None:
    assert parallel_of(search) is None
