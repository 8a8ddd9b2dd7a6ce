"""Build the rows of the page's tables from the report's values."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.report.contents import ClassQuality, Dataset, Evaluation, Layer, ReportedStep
from pipeline.report.page.class_order import neighbour_order
from pipeline.report.page.formatting import number, size
from pipeline.report.page.plots import Plot
from pipeline.report.page.plots_quality import FEW_CLASSES

_BREAKS = re.compile(r"(?<=[_./-])(?=\w)")
_MOST_CELLS = 200  # classes: more cells slow a browser, and the plot has them
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
    """A step and its bar on the run's timeline: shares of the whole, None where it has no time."""

    step: ReportedStep
    left: float | None
    width: float


@dataclass(frozen=True)
class ClassRow:
    """A class and the wrong class that its pictures were most often taken for."""

    quality: ClassQuality
    taken_for: str
    times: int


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion table: `level` 1 to 9 is how dark it is."""

    count: int
    level: int
    right: bool
    words: str


@dataclass(frozen=True)
class ConfusionRow:
    """A row of the confusion table: a true class and the predictions for its pictures."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class CountRow:
    """A class and its number of pictures in each split."""

    name: str
    counts: tuple[int, ...]
    total: int


def step_rows(steps: Sequence[ReportedStep]) -> list[StepRow]:
    """Place each step on the timeline from the first start to the last end."""
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
    """Return a row for every class, the worst F1 first."""
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
    """Return the confusion matrix as rows, ordered as its plot is; empty above 200 classes."""
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
    """Count the pictures of each class by split, in the classes' order."""
    rows = []
    for name in dataset.classes:
        counts = tuple(split.get(name, 0) for split in dataset.counts.values())
        rows.append(CountRow(name, counts, sum(counts)))
    return rows


def system_lines(system: Mapping[str, float]) -> dict[str, str]:
    """Group the profiler's figures by what they measure: "cpu percent": "mean 91, max 100"."""
    lines: dict[str, list[str]] = {}
    for name, value in system.items():
        of, _, kind = name.rpartition(" ")
        text = size(value) if "bytes" in name else number(value)
        known = bool(of) and kind in _KINDS
        what = (of if known else name).replace("_bytes", "").replace("_", " ")
        lines.setdefault(what, []).append(f"{kind} {text}" if known else text)
    return {what: ", ".join(texts) for what, texts in lines.items()}


def heaviest(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with the most multiply-adds, in the network's order."""
    chosen = sorted(layers, key=lambda layer: -layer.multiply_adds)[:_HEAVY_LAYERS]
    return [layer for layer in layers if layer in chosen]


def picture_address(picture: bytes) -> str:
    """Return a picture as a data: URL."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def short_value(text: str) -> str:
    """Shorten a hyperparameter's value to four digits; a word stays as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def breakable(text: str) -> Markup:
    """Allow line breaks in a name after underscores, dots, slashes and hyphens."""
    return Markup("<wbr>").join(_BREAKS.split(text))


def svg(plot: Plot) -> Markup:
    """Return the plot's SVG as safe markup: matplotlib has escaped every text in it."""
    return Markup(plot.svg)  # noqa: S704


def state_class(status: str) -> str:
    """Return the CSS class of a status: good, bad, check, busy or none."""
    return _STATE_CLASSES.get(status, "none")


def state_word(status: str) -> str:
    """Return a status in plain words."""
    return _STATE_WORDS.get(status, status)
