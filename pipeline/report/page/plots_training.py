"""Draw plots of a training: its epochs, its saved tensors, and where its time went."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.report.page.figures import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    MUTED,
    ORANGE,
    RED,
    SERIES,
    WIDTH,
    drawable,
    figure_of,
    label,
    label_ends,
    labels,
    new_axes,
    new_figure,
    plain_powers,
)
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.tensors import Series

_MOST_LINES = 6  # more layers are a heat map
_MOST_ROWS = 40
USUAL_UPDATE = 1e-3
"""A healthy ratio of a weight's change per step to its size, by the rule of thumb of Karpathy's
CS231n notes (cs231n.github.io/neural-networks-3, "Ratio of weights:updates")."""


def draw_losses(history: Sequence[Epoch], best: int | None) -> Figure:
    """Draw train and validation loss of each epoch."""
    axes = new_axes("Loss")
    _draw_epochs(axes, history, "train_loss", "valid_loss", best)
    return figure_of(axes)


def draw_accuracies(history: Sequence[Epoch], best: int | None) -> Figure:
    """Draw train and validation accuracy of each epoch."""
    axes = new_axes("Accuracy")
    _draw_epochs(axes, history, "train_accuracy", "valid_accuracy", best)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure_of(axes)


def _draw_epochs(
    axes: Axes, history: Sequence[Epoch], train: str, valid: str, best: int | None
) -> None:
    places = range(1, len(history) + 1)
    dots = "o" if len(history) <= 40 else ""
    for name, color, text in ((train, BLUE, "train"), (valid, ORANGE, "validation")):
        values = [drawable(getattr(epoch, name)) for epoch in history]
        axes.plot(places, values, color=color, marker=dots, label=text)
    chosen = [place for place, epoch in zip(places, history, strict=True) if epoch.epoch == best]
    if chosen:
        axes.axvline(chosen[-1], color=GREEN, linestyle="--", linewidth=1.2, label="kept")
    text = "epoch"
    for place, (before, after) in enumerate(pairwise(history), start=2):
        if before.phase != after.phase:
            axes.axvline(place - 0.5, color=GREY, linewidth=1, linestyle=":")
            text += f", {label((after.phase or '').replace('_', ' '))} from {place}"
    axes.set_xlabel(text)
    lost = [p for p, e in zip(places, history, strict=True) if not _finite(getattr(e, train))]
    _mark_cut_off(axes, lost, "epoch")
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")


def _mark_cut_off(axes: Axes, places: Sequence[int], unit: str) -> None:
    if places:
        text = f"not a finite number from {unit} {min(places)}"
        axes.text(0.5, 0.5, text, ha="center", color=RED, transform=axes.transAxes)


def draw_series(series: Sequence[Series], title: str, y_label: str) -> Figure:
    """Draw a few tensors over the training steps, on a log axis where they differ by magnitudes."""
    axes = new_axes(label(title, 60))
    for number, one in enumerate(series):
        color = SERIES[number % len(SERIES)]
        dots = "o" if len(one.steps) <= 40 else ""
        values = list(map(drawable, one.values))
        name = label_ends(one.name)
        axes.plot(one.steps, values, color=color, marker=dots, markersize=4, label=name)
    values = [drawable(value) for one in series for value in one.values]
    values = [value for value in values if value and _finite(value)]
    if values and min(values) > 0 and max(values) > 50 * min(values):
        axes.set_yscale("log")
        plain_powers(axes.yaxis)
    lost = [s for one in series for s, value in zip(one.steps, one.values, strict=True)
            if not _finite(value)]  # fmt: skip
    _mark_cut_off(axes, lost, "step")
    axes.set_xlabel("step")
    axes.set_ylabel(label(y_label, 40))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if 1 < len(series) <= len(SERIES):
        axes.legend(loc="best")
    return figure_of(axes)


def draw_layers(series: Sequence[Series], title: str, usual: float | None = None) -> Figure:
    """Draw a norm or ratio of every layer: lines for a few layers, a heat map for many."""
    if len(series) > _MOST_LINES:
        return _draw_heat(series, title)
    figure = draw_series(series, title, "")
    axes = figure.axes[0]
    if any(drawable(value) > 0 for one in series for value in one.values):
        axes.set_yscale("log")
        plain_powers(axes.yaxis)
    if usual is not None:
        axes.axhline(usual, color=GREY, linestyle="--", linewidth=1.2)
        axes.annotate(f"{usual:g}: usual", (1, usual), xycoords=("axes fraction", "data"),
                      ha="right", va="bottom", color=MUTED, fontsize=10)  # fmt: skip
    return figure


def _draw_heat(series: Sequence[Series], title: str) -> Figure:
    shown = _thinned(series, _MOST_ROWS)
    steps = sorted({step for one in shown for step in one.steps})
    column = {step: number for number, step in enumerate(steps)}
    grid = np.full((len(shown), len(steps)), np.nan)
    for row, one in enumerate(shown):
        for step, value in zip(one.steps, one.values, strict=True):
            grid[row, column[step]] = np.inf if math.isnan(drawable(value)) else drawable(value)
    axes = new_axes(title, height=max(HEIGHT, 110 + 13 * len(shown)))
    known = grid[np.isfinite(grid) & (grid > 0)]
    low, high = (known.min(), known.max()) if known.size else (0.1, 1.0)
    colors = colormaps["viridis"].with_extremes(over=RED, bad="none")  # red: not finite
    norm = LogNorm(low, high if high > low else low * 10)
    grid[np.isinf(grid)] = 100 * high  # imshow leaves infinity blank, as if it were not saved
    image = axes.imshow(grid, aspect="auto", interpolation="nearest", norm=norm, cmap=colors)
    axes.set_yticks(range(len(shown)), [label_ends(one.name, 28) for one in shown], fontsize=9)
    ticks = _evenly(len(steps), 5)
    axes.set_xticks(ticks, [str(steps[number]) for number in ticks])
    axes.grid(visible=False)
    axes.set_xlabel("step")
    bar = figure_of(axes).colorbar(image, ax=axes, aspect=40, pad=0.02)
    plain_powers(bar.ax.yaxis)
    bar.outline.set_visible(False)
    return figure_of(axes)


def _thinned(series: Sequence[Series], most: int) -> list[Series]:
    return [series[number] for number in _evenly(len(series), most)]


def _evenly(length: int, most: int) -> list[int]:
    """Return at most `most` evenly spread indices of a sequence, its first and last included."""
    if length <= most:
        return list(range(length))
    return sorted({round(number * (length - 1) / (most - 1)) for number in range(most)})


def _finite(value: float) -> bool:
    return math.isfinite(value)


PARTS = {
    "data": "waiting for data",
    "transfer": "transfer",
    "forward": "forward",
    "backward": "backward",
    "optimizer": "optimizer",
    "hook": "debugger hook",
    "other": "other",
}
_PART_COLORS = dict(zip(PARTS, (*SERIES[1::-1], *SERIES[2:6], GREY), strict=True))


def draw_step_time(profile: Profile) -> Figure:
    """Draw the share of each phase's time by part of a training step."""
    phases = list(profile.phases)
    axes = new_axes("Where a step's time goes", height=150 + 44 * len(phases))
    left = [0.0] * len(phases)
    parts = dict.fromkeys([*PARTS, *(part for phase in phases for part in phase.seconds)])
    for number, part in enumerate(parts):
        shares = [_share(phase.seconds, part) for phase in phases]
        if any(share >= 0.001 for share in shares):
            color = _PART_COLORS.get(part, SERIES[number % len(SERIES)])
            axes.barh(range(len(phases)), shares, left=left, color=color, height=0.55,
                      label=label(PARTS.get(part, part)))  # fmt: skip
            left = [one + share for one, share in zip(left, shares, strict=True)]
    names = labels([phase.name.replace("_", " ") for phase in phases], 16)
    axes.set_yticks(range(len(phases)), names)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.75 / (1 + len(phases))), ncols=3)
    return figure_of(axes)


def _share(seconds: Mapping[str, float], part: str) -> float:
    whole = sum(value for value in map(drawable, seconds.values()) if value > 0)
    value = drawable(seconds.get(part))
    return value / whole if value > 0 else 0.0


def load_and_memory(profile: Profile) -> dict[str, tuple[float, ...]]:
    """Return what was sampled of CPU, GPU and memory, with its seconds; {} below two samples."""
    known = profile.samples.items()
    samples = {name: values for name, values in known if any(map(_finite, values))}
    shown = [name for name in samples if name.endswith("percent") or _is_memory(name)]
    if len(samples.get("seconds", ())) < 2 or not shown:
        return {}
    return {name: samples[name] for name in ("seconds", *shown)}


def _is_memory(name: str) -> bool:
    return name.startswith("memory") and name.endswith("bytes")


def draw_system(profile: Profile) -> Figure:
    """Draw CPU, GPU and memory while the training ran, of two samples or more."""
    samples = load_and_memory(profile)
    percents = [name for name in samples if name.endswith("percent")]
    sizes = [name for name in samples if _is_memory(name)]
    figure = new_figure(WIDTH, HEIGHT)
    panels = figure.subplots(bool(percents) + bool(sizes), 1, sharex=True, squeeze=False).flatten()
    if percents:
        _draw_samples(panels[0], samples, percents, 1)
        panels[0].set_title("Load in percent")
        panels[0].set_ylim(bottom=0)
    if sizes:
        _draw_samples(panels[-1], samples, sizes, 2**20)
        panels[-1].set_title("Memory in MiB")
    panels[-1].set_xlabel("seconds")
    return figure


def _draw_samples(
    axes: Axes, samples: Mapping[str, tuple[float, ...]], names: Sequence[str], unit: float
) -> None:
    for name, color in zip(names, SERIES, strict=False):
        text = label(name.removesuffix("_percent").removesuffix("_bytes").replace("_", " "))
        values = [drawable(value) / unit for value in samples[name]]
        axes.plot(samples["seconds"], values, color=color, linewidth=1.5, label=text)
    if len(names) > 1:
        axes.legend(loc="best", ncols=2)
