"""Draw plots of the test results and of the data set."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pipeline.comparing.coverage import Coverage
from pipeline.comparing.intervals import wilson_interval
from pipeline.report.page.class_order import FEW_CLASSES, neighbour_order
from pipeline.report.page.figures import (
    BLUE,
    GREY,
    HEIGHT,
    INK,
    MUTED,
    ORANGE,
    SERIES,
    figure_of,
    labels,
    new_axes,
)
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import Evaluation

Counts = NDArray[np.float64]
_RIGHT, _WRONG = to_rgb("#3f8cff"), to_rgb("#f0524f")  # seen on white and on black
_MOST_NAMES = 200  # more would make the drawing too long


def draw_confusion(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: rows true, columns predicted, coloured by share of the row.

    Above 30 classes, confused classes stand side by side, so mistakes lie near the diagonal, and
    each row ends with what its class was mistaken for.
    """
    confusion = np.array(evaluation.confusion, dtype=float)
    count = len(confusion)
    few = count <= FEW_CLASSES
    order = list(range(count)) if few else neighbour_order(evaluation.confusion)
    names = [evaluation.classes[index].name for index in order]
    return (_draw_few if few else _draw_many)(confusion[np.ix_(order, order)], names)


def _draw_few(confusion: Counts, names: list[str]) -> Figure:
    side = max(380, 170 + 34 * len(names))
    axes = _draw_cells(
        "Actual classes (rows) by predicted classes (columns)", confusion, (side, side)
    )
    places = range(len(names))
    axes.set_yticks(places, labels(names, 26), fontsize=10, color=INK)
    axes.set_xticks(places, labels(names, 26), fontsize=10, color=INK, rotation=90)
    for row, column in zip(*np.nonzero(confusion), strict=True):
        text = f"{confusion[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=10, color=INK)
    return figure_of(axes)


def _draw_many(confusion: Counts, names: list[str]) -> Figure:
    title = "Actual classes (rows) by predicted classes (columns, in the same order)"
    named = len(names) <= _MOST_NAMES
    size = (1000, 60 + 11 * len(names)) if named else (1000, 1000)
    axes = _draw_cells(title, confusion, size)
    axes.set_xticks([])
    axes.set_yticks([])
    if named:
        axes.set_aspect("auto")
        axes.set_yticks(range(len(names)), labels(names, 34), fontsize=9, color=INK)
        for row, text in enumerate(_confused_with(confusion, labels(names, 26))):
            axes.text(len(names) + 0.5, row, text, va="center", fontsize=9, color=MUTED)
    return figure_of(axes)


def _draw_cells(title: str, confusion: Counts, size: tuple[int, int]) -> Axes:
    axes = new_axes(title, *size)
    axes.imshow(_cell_colors(confusion), interpolation="nearest")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    return axes


def _confused_with(confusion: Counts, names: Sequence[str]) -> list[str]:
    """Describe each row's wrong predictions in short, the most frequent first."""
    texts = []
    for row, counts in enumerate(confusion):
        wrong = [int(n) for n in np.argsort(-counts, kind="stable") if counts[n] and n != row]
        labels_with_counts = [f"{names[n]} \u00d7{counts[n]:.0f}" for n in wrong[:2]]
        texts.append(", ".join(labels_with_counts) + (", …" if len(wrong) > 2 else ""))
    return texts


def _cell_colors(confusion: Counts) -> NDArray[np.uint8]:
    """Return RGBA cells: blue on the diagonal, red beside it, clear where nothing was counted."""
    rows = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, rows, out=np.zeros_like(confusion), where=rows > 0)
    colors = np.empty((*confusion.shape, 4))
    colors[..., :3] = _WRONG
    diagonal = np.arange(len(confusion))
    colors[diagonal, diagonal, :3] = _RIGHT
    colors[..., 3] = np.where(shares > 0, 0.35 + 0.65 * np.sqrt(shares), 0.0)
    colors[diagonal, diagonal, 3] = np.diag(shares) * 0.85
    return np.round(255 * colors).astype(np.uint8)


def draw_calibration(evaluation: Evaluation) -> Figure:
    """Draw accuracy against confidence, with the share of predictions behind each point."""
    bins = [one for one in evaluation.calibration if one.count]
    axes = new_axes("Is its confidence earned?", height=340)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="as it should be")
    whole = sum(one.count for one in bins) or 1
    axes.bar(
        [one.lower for one in bins],
        [one.count / whole for one in bins],
        [one.upper - one.lower for one in bins],
        align="edge", color=GREY, alpha=0.35, label="share of the answers",
    )  # fmt: skip
    axes.plot(
        [one.confidence for one in bins], [one.accuracy for one in bins],
        "o-", color=BLUE, label="how often right",
    )  # fmt: skip
    axes.set_xlabel("confidence")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="best")
    return figure_of(axes)


def draw_coverage(evaluation: Evaluation, coverage: Coverage) -> Figure:
    """Draw accuracy against the share that is answered, the surest first, and what was promised."""
    points = coverage.points
    axes = new_axes("How right, when it answers the surest only", height=340)
    shares = [one.coverage for one in points]
    counts = [round(one.coverage * evaluation.pictures) for one in points]
    around = [
        wilson_interval(round(one.accuracy * count), count)
        for one, count in zip(points, counts, strict=True)
    ]
    axes.fill_between(
        shares, [one.low for one in around], [one.high for one in around],
        color=BLUE, alpha=0.15, linewidth=0, label="95% interval",
    )  # fmt: skip
    axes.plot(shares, [one.accuracy for one in points], "o-", color=BLUE, label="the test pictures")
    if promises := coverage.promises:
        axes.plot(
            [one.coverage for one in promises], [one.accuracy for one in promises],
            color=ORANGE, linestyle="--", label="promised by validation",
        )  # fmt: skip
    if coverage.accuracy is not None:
        axes.axhline(coverage.accuracy, color=GREY, linewidth=1.2, label="what the gate asks for")
    axes.set_xlabel("pictures answered, the surest first")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(top=1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="best")
    return figure_of(axes)


def draw_counts(dataset: Dataset) -> Figure:
    """Draw pictures per class by split: named bars for a few classes, a skyline for many."""
    totals = {
        name: sum(split.get(name, 0) for split in dataset.counts.values())
        for name in dataset.classes
    }
    if len(totals) <= FEW_CLASSES:
        return _draw_named_counts(dataset, sorted(totals, key=lambda name: totals[name]))
    names = sorted(totals, key=lambda name: -totals[name])
    axes = new_axes("Pictures of each class, largest class first", height=HEIGHT)
    bottom = np.zeros(len(names))
    for (split, counts), color in zip(dataset.counts.items(), SERIES, strict=False):
        values = np.array([counts.get(name, 0) for name in names], dtype=float)
        axes.fill_between(range(len(names)), bottom, bottom + values, step="mid", color=color,
                          linewidth=0, label=f"{split} ({values.sum():.0f})")  # fmt: skip
        bottom += values
    axes.legend(loc="upper right", ncols=3)
    axes.set_xlabel("classes")
    axes.set_xlim(0, len(names) - 1)
    axes.set_ylim(0, max(1.0, 1.2 * float(bottom.max())))
    return figure_of(axes)


def _draw_named_counts(dataset: Dataset, names: list[str]) -> Figure:
    axes = new_axes("Pictures of each class", height=100 + 22 * max(3, len(names)))
    left = np.zeros(len(names))
    for (split, counts), color in zip(dataset.counts.items(), SERIES, strict=False):
        values = np.array([counts.get(name, 0) for name in names], dtype=float)
        axes.barh(range(len(names)), values, left=left, color=color, height=0.65,
                  label=f"{split} ({values.sum():.0f})")  # fmt: skip
        left += values
    axes.set_yticks(range(len(names)), labels(names))
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.25 * 4 / (2 + len(names))), ncols=3)
    return figure_of(axes)


def draw_recalls(evaluation: Evaluation) -> Figure:
    """Draw a histogram of the classes' recalls: how many are good, how bad the tail is."""
    recalls = [one.recall for one in evaluation.classes if one.recall is not None]
    axes = new_axes("Classes by how many of their pictures were right")
    axes.hist(recalls, bins=[number / 10 for number in range(11)], color=BLUE, rwidth=0.9)
    axes.axvline(evaluation.accuracy, color=ORANGE, linestyle="--", label="all pictures")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_ylabel("classes", color=MUTED)
    axes.legend(loc="upper left")
    return figure_of(axes)
