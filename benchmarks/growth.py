"""Measure how time and memory grow with the data: jobs on 1, 4 and 16 times the pictures."""

from pathlib import Path
from typing import Any

from benchmarks.context import Context
from benchmarks.figures import exponent, text_table
from benchmarks.jobs import JobCost, features, prepare
from benchmarks.pictures import write_splits

BACKBONE, CLASSES = "squeezenet1_1", 6
PER_CLASS, QUICK_PER_CLASS = 80, 20
FACTORS = (1, 4, 16)


def run(context: Context) -> dict[str, Any]:
    """Measure the jobs on generated pictures of 6 classes; the backbone has random weights."""
    per_class = QUICK_PER_CLASS if context.quick else PER_CLASS
    sizes = [per_class * CLASSES * factor for factor in FACTORS]
    measured = [_measure(context, per_class * factor) for factor in FACTORS]
    for cost, size in zip(measured, sizes, strict=True):
        context.say(f"{size} pictures: {cost['prepare'].seconds + cost['features'].seconds:.1f} s")
    return {
        "backbone": BACKBONE,
        "pictures": sizes,
        **{job: _figures(sizes, [one[job] for one in measured]) for job in ("prepare", "features")},
    }


def _measure(context: Context, per_class: int) -> dict[str, JobCost]:
    folder = context.work / f"{per_class}"
    data = write_splits(folder / "data", CLASSES, per_class)
    return {
        "prepare": prepare(data, folder),
        "features": features(folder / "dataset", folder / "features", BACKBONE, None),
    }


def _figures(sizes: list[int], costs: list[JobCost]) -> dict[str, Any]:
    peaks = [cost.peak_bytes for cost in costs]
    return {
        "seconds": [cost.seconds for cost in costs],
        "peak_bytes": peaks,
        "time_exponent": exponent(sizes, [cost.seconds for cost in costs]),
        "peak_growth": max(peaks) / min(peaks) - 1,
    }


def table(result: dict[str, Any]) -> str:
    """Format seconds and memory of the jobs as the table that is printed."""
    rows = []
    for job in ("prepare", "features"):
        one = result[job]
        seconds = " ".join(f"{value:.1f}" for value in one["seconds"])
        memory = " ".join(f"{value / 2**20:.0f}" for value in one["peak_bytes"])
        rows.append(
            (job, seconds, f"{one['time_exponent']:.2f}", memory, f"{one['peak_growth']:+.1%}")
        )
    pictures = " ".join(map(str, result["pictures"]))
    return text_table((f"{pictures} pictures", "seconds", "exponent", "MiB", "growth"), rows)


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot seconds against pictures, both logarithmic, with memory beside."""
    from matplotlib import pyplot

    figure, (time_axes, memory_axes) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for job in ("prepare", "features"):
        one = result[job]
        label = f"{job} (exponent {one['time_exponent']:.2f})"
        time_axes.loglog(result["pictures"], one["seconds"], "o-", label=label)
        memory = [value / 2**20 for value in one["peak_bytes"]]
        memory_axes.semilogx(result["pictures"], memory, "o-", label=job)
    time_axes.set(xlabel="pictures", ylabel="seconds")
    memory_axes.set(xlabel="pictures", ylabel="MiB at the peak")
    memory_axes.set_ylim(bottom=0)
    for axes in (time_axes, memory_axes):
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
