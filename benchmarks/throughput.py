"""Pictures per second through prepare and features, against the usual script's own pass."""

from pathlib import Path
from typing import Any

from benchmarks.context import Context
from benchmarks.figures import spread, text_table
from benchmarks.jobs import features, prepare
from benchmarks.training import BACKBONES, usual_epoch


def run(context: Context) -> dict[str, Any]:
    """One view, fp32. Prepare also does the test pictures; they count in its time only."""
    chosen = BACKBONES[2:] if context.quick else BACKBONES
    repeats = 1 if context.quick else 3
    return {"backbones": {name: _compare(context, name, repeats) for name in chosen}}


def _compare(context: Context, backbone: str, repeats: int) -> dict[str, Any]:
    usual, ours, ratios = [], [], []
    for number in range(repeats):
        epoch = usual_epoch(context, backbone)
        usual.append(epoch["pictures"] / epoch["seconds"])
        ours.append(epoch["pictures"] / _pass_seconds(context, backbone, number))
        ratios.append(ours[-1] / usual[-1])
        context.say(f"{backbone} {number + 1}/{repeats}: {ratios[-1]:.2f} times the pictures")
    return {
        "usual_pictures_per_second": spread(usual),
        "pictures_per_second": spread(ours),
        "ratio": spread(ratios),
    }


def _pass_seconds(context: Context, backbone: str, number: int) -> float:
    folder = context.work / f"{backbone}-{number}"
    first = prepare(context.data, folder)
    second = features(
        folder / "dataset", folder / "features", backbone, context.weights_of(backbone)
    )
    return first.seconds + second.seconds


def table(result: dict[str, Any]) -> str:
    """The table that is printed."""
    rows = [
        (
            name,
            f"{one['usual_pictures_per_second']['median']:.0f}",
            f"{one['pictures_per_second']['median']:.0f}",
            f"{one['ratio']['median']:.2f}",
            f"{one['ratio']['min']:.2f}-{one['ratio']['max']:.2f}",
        )
        for name, one in result["backbones"].items()
    ]
    return text_table(("backbone", "usual /s", "ours /s", "ratio", "spread"), rows)


def plot(result: dict[str, Any], path: Path) -> None:
    """Pictures per second, in pairs of bars."""
    from matplotlib import pyplot

    names = list(result["backbones"])
    figure, axes = pyplot.subplots(figsize=(6, 3), layout="constrained")
    for offset, key, colour, label in (
        (-0.2, "usual_pictures_per_second", "#9a9a9a", "usual script"),
        (0.2, "pictures_per_second", "C0", "Prepare + ExtractFeatures"),
    ):
        values = [result["backbones"][name][key]["median"] for name in names]
        places = [place + offset for place in range(len(names))]
        axes.bar_label(axes.bar(places, values, 0.38, color=colour, label=label), fmt="%.0f")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("pictures per second")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
