"""Rows for the page's tables, made of the report's values."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.report.class_order import neighbour_order
from pipeline.report.formatting import number, size
from pipeline.report.model import ClassQuality, Dataset, Evaluation, Layer, Step
from pipeline.report.plots import Plot
from pipeline.report.plots_quality import FEW_CLASSES

_BREAKS = re.compile(r"(?<=[_./-])(?=\w)")
_MOST_CELLS = 200  # classes; more cells are a burden for a browser, and the plot has them
_LEVELS = 9
_KINDS = ("mean", "p50", "p95", "p99", "max", "first", "last")
_HEAVY_LAYERS = 12
_STATE_WORDS = {
    "NotStarted": "Not started",
    "NoIssuesFound": "No issues",
    "IssuesFound": "Issue found",
    "InProgress": "In progress",
}
_STATE_CLASSES = {
    "Succeeded": "good",
    "Completed": "good",
    "InService": "good",
    "Approved": "good",
    "NoIssuesFound": "good",
    "Failed": "bad",
    "Error": "bad",
    "Rejected": "bad",
    "IssuesFound": "check",
    "Stopped": "check",
    "Stopping": "check",
    "Executing": "busy",
    "Starting": "busy",
    "InProgress": "busy",
}


@dataclass(frozen=True)
class StepRow:
    """A step and its bar on the run's time line: shares of the whole, None where it has no time."""

    step: Step
    left: float | None
    width: float


@dataclass(frozen=True)
class ClassRow:
    """A class and what its pictures were most often taken for instead."""

    quality: ClassQuality
    taken_for: str
    times: int


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion table: `level` 0 to 9 is how dark it is."""

    count: int
    level: int
    right: bool
    words: str


@dataclass(frozen=True)
class ConfusionRow:
    """The true class and what was said of its pictures."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class CountRow:
    """A class and its pictures in each split."""

    name: str
    counts: tuple[int, ...]
    total: int


def step_rows(steps: Sequence[Step]) -> list[StepRow]:
    """The steps with their place on the time from the first start to the last end."""
    starts = [step.started for step in steps if step.started]
    if not starts:
        return [StepRow(step, None, 0.0) for step in steps]
    first = min(starts)
    spans = {
        step.name: ((step.started - first).total_seconds(), step.seconds or 0.0)
        for step in steps
        if step.started
    }
    whole = max(start + seconds for start, seconds in spans.values()) or 1.0
    rows = []
    for step in steps:
        if step.name not in spans or step.cached_from:
            rows.append(StepRow(step, None, 0.0))
        else:
            start, seconds = spans[step.name]
            rows.append(StepRow(step, start / whole, seconds / whole))
    return rows


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Every class, the worst F1 first."""
    rows = []
    for index, quality in enumerate(evaluation.classes):
        said = list(evaluation.confusion[index]) if index < len(evaluation.confusion) else []
        if index < len(said):
            said[index] = 0
        times = max(said, default=0)
        name = evaluation.classes[said.index(times)].name if times else ""
        rows.append(ClassRow(quality, name, times))
    return sorted(rows, key=lambda row: (row.quality.f1 is None, row.quality.f1 or 0.0))


def confusion_rows(evaluation: Evaluation) -> list[ConfusionRow]:
    """The confusion as a table, ordered as its plot is; empty above 200 classes."""
    confusion, classes = evaluation.confusion, evaluation.classes
    count = len(confusion)
    if not 0 < count <= _MOST_CELLS:
        return []
    order = list(range(count)) if count <= FEW_CLASSES else neighbour_order(confusion)
    rows = []
    for row in order:
        whole = sum(confusion[row])
        cells = [
            _cell(confusion[row][column], whole, classes[row].name, classes[column].name)
            for column in order
        ]
        rows.append(ConfusionRow(classes[row].name, tuple(cells)))
    return rows


def _cell(count: int, whole: int, actual: str, said: str) -> Cell | None:
    if not count:
        return None
    level = max(1, round(_LEVELS * (count / whole) ** 0.5))
    right = actual == said
    words = f"{actual}, right: {count}" if right else f"{actual}, taken for {said}: {count}"
    return Cell(count, level, right, words)


def count_rows(dataset: Dataset) -> list[CountRow]:
    """Pictures of each class, in the classes' order."""
    rows = []
    for name in dataset.classes:
        counts = tuple(split.get(name, 0) for split in dataset.counts.values())
        rows.append(CountRow(name, counts, sum(counts)))
    return rows


def system_lines(system: Mapping[str, float]) -> dict[str, str]:
    """The profiler's figures by what they are of: "cpu percent": "mean 91, max 100"."""
    lines: dict[str, list[str]] = {}
    for name, value in system.items():
        of, _, kind = name.rpartition(" ")
        text = size(value) if "bytes" in name else number(value)
        known = bool(of) and kind in _KINDS
        what = (of if known else name).replace("_bytes", "").replace("_", " ")
        lines.setdefault(what, []).append(f"{kind} {text}" if known else text)
    return {what: ", ".join(texts) for what, texts in lines.items()}


def heaviest(layers: Sequence[Layer]) -> list[Layer]:
    """The layers that cost most multiply-adds, in the network's order."""
    chosen = sorted(layers, key=lambda layer: -layer.multiply_adds)[:_HEAVY_LAYERS]
    return [layer for layer in layers if layer in chosen]


def picture_address(picture: bytes) -> str:
    """The picture itself as an address."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def short_value(text: str) -> str:
    """A hyperparameter's value with four digits; a word as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def breakable(text: str) -> Markup:
    """A name that may be broken after its underscores, dots and slashes."""
    return Markup("<wbr>").join(_BREAKS.split(text))


def svg(plot: Plot) -> Markup:
    """The plot's drawing; matplotlib has escaped every text in it."""
    return Markup(plot.svg)  # noqa: S704


def state_class(status: str) -> str:
    """The colour of a status: good, bad, check, busy or none."""
    return _STATE_CLASSES.get(status, "none")


def state_word(status: str) -> str:
    """A status as people say it."""
    return _STATE_WORDS.get(status, status)
