"""Lay out the charts of a run as plain numbers: curves over epochs or trials, parallel axes.

Templates draw them as SVG: matplotlib takes longer to load than a page may take.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.report.page.formatting import number
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.tuning import Trial, Tuning

WIDTH, HEIGHT = 480, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 30
_LOGARITHMIC = 10  # largest value / smallest above which an axis is logarithmic
_MOST_AXES = 8

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A label on an axis, and where it stands."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A line of a chart: its points as SVG has them, and what it is."""

    name: str
    points: str
    dots: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart of curves over a whole number; `words` say what it shows."""

    title: str
    words: str
    curves: tuple[Curve, ...]
    down: tuple[Tick, ...]
    across: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Axis:
    """A parallel axis: a hyperparameter, or the objective; `best` and `worst` are its ends."""

    name: str
    at: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Way:
    """A trial's line through the axes; `rank` is 1 (worst fifth) to 5 (best), 0 while it runs."""

    trial: int
    points: str
    rank: int
    is_best: bool


@dataclass(frozen=True)
class Parallel:
    """Trials as lines over parallel axes."""

    words: str
    axes: tuple[Axis, ...]
    ways: tuple[Way, ...]
    width: int
    height: int = 260
    top: int = 40
    bottom: int = 230


def curves_of(epochs: Sequence[Epoch]) -> list[Chart]:
    """Lay out loss and accuracy of training and validation; nothing for fewer than two epochs."""
    if len(epochs) < 2:
        return []
    last = epochs[-1]
    charts = []
    for what in ("loss", "accuracy"):
        lines = {
            name: [(one.epoch, getattr(one, f"{short}_{what}")) for one in epochs]
            for name, short in (("training", "train"), ("validation", "valid"))
        }
        final = ", ".join(f"{name} {number(line[-1][1])}" for name, line in lines.items())
        words = f"{what} by epoch; after epoch {last.epoch}: {final}"
        charts.append(line_chart(what.capitalize(), words, lines, "epoch"))
    return [chart for chart in charts if chart.curves]


def best_so_far(tuning: Tuning) -> Chart | None:
    """Lay out each trial's objective, and the best so far; None for fewer than two results."""
    done = [trial for trial in tuning.trials if trial.value is not None]
    if len(done) < 2:
        return None
    lines = {
        "trial": [(one.number, one.value or 0.0) for one in done],
        "best so far": [(one.number, one.best_so_far or 0.0) for one in done],
    }
    words = f"{tuning.objective} of each trial; the best so far is {number(done[-1].best_so_far)}"
    return line_chart(tuning.objective, words, lines, "trial", dotted=("trial",))


def parallel_of(tuning: Tuning) -> Parallel | None:
    """Lay out the trials over what was varied; None when nothing was, or one trial is there."""
    names = _varied(tuning.trials)[:_MOST_AXES]
    if not names or len(tuning.trials) < 2:
        return None
    step = max(96, 760 // len(names))
    frame = Parallel("", (), (), width=2 * 60 + step * len(names))
    given = {
        name: [t.hyperparameters[name] for t in tuning.trials if name in t.hyperparameters]
        for name in names
    } | {tuning.objective: [str(t.value) for t in tuning.trials if t.value is not None]}
    lines = [
        _Line(name, 60.0 + step * index, _Scale(texts))
        for index, (name, texts) in enumerate(given.items())
    ]
    axes = tuple(
        Axis(line.name, line.at, tuple(line.scale.ticks(frame.top, frame.bottom))) for line in lines
    )
    ways = [_way(t, tuning, lines, frame) for t in tuning.trials]
    words = f"{len(tuning.trials)} trials over {', '.join(names)} and {tuning.objective}"
    ordered = tuple(sorted(ways, key=lambda way: (way.is_best, way.rank)))
    return Parallel(words, axes, ordered, frame.width)


class _Scale:
    """Places of values on an axis from 0 to 1: numbers, or words side by side."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._words = sorted(set(texts))
        numbers = [one for one in map(_number, texts) if one is not None]
        self._is_number = bool(texts) and len(numbers) == len(texts)
        self._low, self._high = (min(numbers), max(numbers)) if self._is_number else (0.0, 1.0)
        self._is_log = self._low > 0 and self._high > _LOGARITHMIC * self._low

    def place(self, text: str) -> float:
        """Return where a value stands; all in the middle when there is one alone."""
        if not self._is_number:
            most = len(self._words) - 1
            return self._words.index(text) / most if most > 0 else 0.5
        value, low, high = float(text), self._low, self._high
        if self._is_log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return (value - low) / (high - low) if high > low else 0.5

    def ticks(self, top: float, bottom: float) -> Iterable[Tick]:
        """Return the labels of the axis, from below."""
        words = self._words
        if self._is_number:
            words = [repr(one) for one in dict.fromkeys((self._low, self._high))]
        for word in words:
            text = number(float(word)) if self._is_number else word
            yield Tick(round(bottom - self.place(word) * (bottom - top), 1), text)


@dataclass(frozen=True)
class _Line:
    """An axis while it is laid out."""

    name: str
    at: float
    scale: _Scale


def _way(trial: Trial, tuning: Tuning, lines: Sequence[_Line], frame: Parallel) -> Way:
    objective = None if trial.value is None else str(trial.value)
    texts = [trial.hyperparameters.get(line.name) for line in lines[:-1]]
    points = [
        (line.at, frame.bottom - line.scale.place(text) * (frame.bottom - frame.top))
        for line, text in zip(lines, [*texts, objective], strict=True)
        if text is not None
    ]
    rank = 0
    if objective is not None:
        share = lines[-1].scale.place(objective)
        rank = 1 + min(4, int(5 * (share if tuning.maximize else 1 - share)))
    return Way(trial.number, _points(points), rank, trial.name == tuning.best)


def line_chart(
    title: str,
    words: str,
    lines: dict[str, list[tuple[int, float]]],
    across: str,
    dotted: tuple[str, ...] = (),
) -> Chart:
    """Lay out lines over a whole number, which is called `across`; those in `dotted` as dots."""
    drawn = {name: [(x, y) for x, y in line if math.isfinite(y)] for name, line in lines.items()}
    every = [point for line in drawn.values() for point in line]
    if not every:
        return Chart(title, words, (), (), ())
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    low, high = min(y for _, y in every), max(y for _, y in every)
    spread = (high - low) or abs(high) or 1.0
    down = dict.fromkeys((low, (low + high) / 2, high))
    low, high = low - 0.05 * spread, high + 0.05 * spread

    def place(x: float, y: float) -> Point:
        share = (x - first) / (last - first) if last > first else 0.5
        return (
            _LEFT + share * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - (y - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM),
        )

    curves = tuple(
        Curve(
            name,
            "" if name in dotted else _points(place(x, y) for x, y in line),
            tuple(_rounded(place(x, y)) for x, y in line) if name in dotted else (),
        )
        for name, line in drawn.items()
        if line
    )
    return Chart(
        title,
        words,
        curves,
        tuple(Tick(round(place(first, y)[1], 1), number(y)) for y in down),
        tuple(
            Tick(round(place(x, low)[0], 1), f"{across} {x}" if x == first else str(x))
            for x in dict.fromkeys((first, (first + last) // 2, last))
        ),
    )


def _varied(trials: Sequence[Trial]) -> list[str]:
    names = dict.fromkeys(name for trial in trials for name in trial.hyperparameters)
    return [name for name in names if len({t.hyperparameters.get(name) for t in trials}) > 1]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _rounded(point: Point) -> Point:
    return round(point[0], 1), round(point[1], 1)
