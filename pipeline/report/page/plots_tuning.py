"""Draw plots of a tuning job: trials in order, what mattered, and where good values lie."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.page.figures import (
    BLUE,
    GREEN,
    HEIGHT,
    MUTED,
    RED,
    WIDTH,
    drawable,
    figure_of,
    label,
    labels,
    new_axes,
    new_figure,
    plain_powers,
)
from pipeline.report.sections.tuning import Trial, Tuning

_LOGARITHMIC = 10  # largest value / smallest above which a hyperparameter has a log axis
_FEW_VALUES = 5  # up to so many values, if trials share any, stand side by side as choices
_PANELS = 6


def draw_trials(tuning: Tuning) -> Figure:
    """Draw the objective of each trial, and the best so far."""
    axes = new_axes(f"{label(tuning.objective)} of each trial")
    done = [trial for trial in tuning.trials if trial.value is not None]
    failed = [trial.number for trial in tuning.trials if trial.value is None]
    best = [(trial.number, drawable(trial.best_so_far)) for trial in done]
    if best:
        numbers, values = zip(*best, strict=True)
        axes.step(numbers, values, where="post", color=GREEN, label="best so far")
    for chosen, size, text in ((False, 5, "trial"), (True, 9, "best")):
        dots = [trial for trial in done if (trial.name == tuning.best) is chosen]
        color = GREEN if chosen else BLUE
        axes.plot([t.number for t in dots], [drawable(t.value) for t in dots], "o", color=color,
                  markersize=size, label=text)  # fmt: skip
    if failed:
        floor = axes.get_ylim()[0]
        axes.plot(failed, [floor] * len(failed), "x", color=RED, label="no result", clip_on=False)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return figure_of(axes)


def draw_importance(tuning: Tuning) -> Figure:
    """Draw each hyperparameter's share in setting the better trials apart."""
    ranked = sorted(tuning.importance, key=lambda one: one.share)
    axes = new_axes("What mattered", height=max(150, 90 + 34 * len(ranked)))
    names, shares = (
        labels([one.name for one in ranked]),
        [max(0.0, drawable(one.share)) for one in ranked],
    )
    places = range(len(ranked))
    axes.barh(places, shares, color=BLUE, height=0.6)
    axes.set_yticks(places, names)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(0, max([*shares, 0.01]) * 1.15)
    for place, share in zip(places, shares, strict=True):
        axes.text(share, place, f" {share:.0%}", va="center", color=MUTED)
    return figure_of(axes)


def draw_hyperparameters(tuning: Tuning) -> Figure:
    """Draw the objective against each hyperparameter that was varied."""
    names = varied(tuning.trials)[:_PANELS]
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(WIDTH, HEIGHT if rows == 1 else 190 * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for axes, name in zip(panels, names, strict=False):
        _draw_one(axes, name, tuning)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    figure.supylabel(label(tuning.objective), fontsize=11, color=MUTED)
    return figure


def varied(trials: Sequence[Trial]) -> list[str]:
    """Return the hyperparameters that the trials differ in."""
    names = dict.fromkeys(name for trial in trials for name in trial.hyperparameters)
    return [name for name in names if len({t.hyperparameters.get(name) for t in trials}) > 1]


def _draw_one(axes: Axes, name: str, tuning: Tuning) -> None:
    done = [trial for trial in tuning.trials if trial.value is not None]
    done = [trial for trial in done if name in trial.hyperparameters]
    texts = [trial.hyperparameters[name] for trial in done]
    values = [drawable(trial.value) for trial in done]
    colors = [GREEN if trial.name == tuning.best else BLUE for trial in done]
    numbers = _numbers(texts)
    if numbers is None or len(set(texts)) <= min(_FEW_VALUES, len(texts) - 1):
        order = sorted(set(texts), key=float if numbers else str)
        axes.scatter([order.index(text) for text in texts], values, c=colors, s=26)
        axes.set_xticks(range(len(order)), labels(order, 12))
        axes.set_xlim(-0.5, len(order) - 0.5)
    else:
        axes.scatter(numbers, values, c=colors, s=26)
        if numbers and min(numbers) > 0 and max(numbers) > _LOGARITHMIC * min(numbers):
            axes.set_xscale("log")
            plain_powers(axes.xaxis)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(label(name), fontsize=11, fontweight="normal", color=MUTED)


def _numbers(texts: list[str]) -> list[float] | None:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return None if any(math.isnan(drawable(one)) for one in numbers) else numbers
