"""Write what benchmarks/results says into the pages of docs/ that have a place for it.

python -m benchmarks.page
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import markdown_table
from benchmarks.page_knowing import KNOWING
from pipeline.command_line.running import ROOT

RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
Result = Mapping[str, Any]
_PLOTS = {
    "training": "A complete run beside one epoch of the usual script",
    "serving": "Times from request to answer",
}


class NoPlace(ValueError):
    """The page has no place for the figures."""


def section(results: Mapping[str, Result]) -> str:
    """Format the figures of the benchmarks that there are results of, as Markdown."""
    writers = {
        "training": training,
        "accuracy": accuracy,
        "growth": growth,
        "overhead": overhead,
        "serving": serving,
        "overload": overload,
        "debugging": debugging,
        "chaos": chaos,
    }
    shown = {name: results[name] for name in writers if name in results}
    parts = [writers[name](result) for name, result in shown.items()]
    parts += [
        f"![{text}](../benchmarks/results/{name}.png)"
        for name, text in _PLOTS.items()
        if name in results
    ]
    return "\n\n".join([_machines(shown.values()), *parts])


def better_section(results: Mapping[str, Result]) -> str:
    """Format what each change does to the accuracy of each data set, as Markdown."""
    shown = [result for name, result in results.items() if name.startswith("better-")]
    return "\n\n".join([_machines(shown), *map(better, shown)])


def knowing_section(results: Mapping[str, Result], parts: Sequence[str]) -> str:
    """Format these parts of what each data set's models know, as Markdown."""
    shown = [result for name, result in results.items() if name.startswith("knowing-")]
    found = [KNOWING[name](one["parts"][name]) for one in shown for name in parts]
    return "\n\n".join([_machines(shown), *found])


def read_results(folder: Path = RESULTS) -> dict[str, Result]:
    """Read every result in the folder, by its benchmark's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def with_section(page: str, text: str) -> str:
    """Put the figures between the page's marks; raise NoPlace when it lacks them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def training(result: Result) -> str:
    """Format times against the usual script's: a column a backbone."""
    backbones = result["backbones"]
    rows = [
        ("one epoch of the usual script, s", "epoch_seconds", 0),
        ("complete run, 20 trials of at most 20 epochs, s", "run_seconds", 0),
        ("**complete run / one usual epoch**", "run_per_epoch", 2),
        ("everything after the features, s", "after_features_seconds", 0),
        ("everything after the features / our own feature pass", "after_features_per_pass", 2),
        ("pictures a second against the usual script's", "speed", 2),
    ]
    by_lbfgs = [
        ("complete run, LBFGS tries 20 decays in one training, s", "run_seconds", 0),
        ("**complete run with LBFGS / one usual epoch**", "run_per_epoch", 2),
        ("with LBFGS, everything after the features / feature pass", "after_features_per_pass", 2),
    ]
    searches = [one["by_lbfgs"] for one in backbones.values()]
    cells = _cells(rows, list(backbones.values())) + _cells(by_lbfgs, searches)
    return markdown_table(("", *backbones), cells)


def _cells(rows: list[tuple[str, str, int]], columns: list[Result]) -> list[tuple[str, ...]]:
    return [(label, *(_spread(one[key], digits) for one in columns)) for label, key, digits in rows]


def accuracy(result: Result) -> str:
    """Format accuracies: means over seeds, and pictures that only one side was right about."""
    usual = result["usual"]
    rows = [("usual script, 20 epochs, its best learning rate", _percent(usual), "")]
    for name, one in result["ours"].items():
        ours, theirs = (
            " ".join(str(pair[key]) for pair in one["pairs"]) for key in ("only_ours", "only_usual")
        )
        rows.append((name, _percent(one), f"{ours} / {theirs}"))
    header = (
        f"test accuracy, {result['backbone']}, {usual['runs']} seeds",
        "mean ± deviation",
        "only ours / only usual right",
    )
    return markdown_table(header, rows)


def growth(result: Result) -> str:
    """Format the time exponent and the memory growth of both jobs."""
    said = [
        f"{job}: time grows with exponent {result[job]['time_exponent']:.2f}, "
        f"peak memory by {result[job]['peak_growth']:+.1%}"
        for job in ("prepare", "features")
    ]
    pictures = ", ".join(f"{size:,}" for size in result["pictures"])
    return f"From {pictures} pictures: {'; '.join(said)}."


def overhead(result: Result) -> str:
    """Format the medians of the local runner's own time."""
    medians = [f"{median(result[f'{kind}_seconds']):.2f} s a {kind}" for kind in ("step", "trial")]
    return f"The local runner's own time: {' and '.join(medians)}."


def serving(result: Result) -> str:
    """Format serving times, a row a backbone: the usual handler's p50, and our share of it."""
    rows = []
    for backbone, one in result["backbones"].items():
        ratio, test = one["ratio"], one["test"]
        same = f"{test['same_top1']['ours']}/{test['pictures']}"
        servers = ("ours", "one thread", "local")
        ratios = (f"{ratio[name]:.2f}" if name in ratio else "" for name in servers)
        usual = f"{one['milliseconds']['usual']['p50']:.1f} ms"
        rows.append((backbone, usual, *ratios, _int8(one), same))
    width, height = result["picture"]
    header = (
        f"p50 of one {width}x{height} JPEG",
        "usual handler",
        "ours / usual",
        "with one thread",
        "local endpoint",
        "int8",
        "same top-1",
    )
    return markdown_table(header, rows)


def _int8(one: Result) -> str:
    """Format int8's ratio, with what it does to accuracy where weights are not random."""
    if "int8" not in one["ratio"]:
        return ""
    text = f"{one['ratio']['int8']:.2f}"
    if one["weights"] != "pretrained":
        return f"{text} (random weights: accuracy not known)"
    found = one["test"]["accuracy"]
    return f"{text} ({100 * (found['int8'] - found['ours']):+.1f} points)"


def overload(result: Result) -> str:
    """Format the outcomes of the requests of an overload."""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in result["outcomes"].items())
    return (
        f"Twice the capacity ({result['capacity_per_second']:.0f} a second) for "
        f"{result['seconds']:.0f} s: {outcomes}; memory {result['memory']['growth']:+.1%}."
    )


def debugging(result: Result) -> str:
    """Format what watching costs: a row a part of training and way to watch it."""
    rows = [
        (
            f"{part}, {found['steps']} steps: {name}",
            f"{more['wall']['median']:+.1%} ({more['wall']['min']:+.0%} to "
            f"{more['wall']['max']:+.0%})",
            f"{more['own']['median']:.1%}",
        )
        for part, found in result["parts"].items()
        for name, more in found["more"].items()
    ]
    return markdown_table(("more than unwatched", "whole training", "timed inside"), rows)


def chaos(result: Result) -> str:
    """Format what was left of killed commands."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in result["by_kind"].items())
    return (
        f"{result['kills']} kills at random moments ({kinds}): {result['finished']} ended well "
        f"when run again, {result['duplicates']} things made twice, {result['repeated_steps']} "
        f"finished steps done again, {result['processes']} processes and {result['leftovers']} "
        "files left."
    )


def better(result: Result) -> str:
    """Format the changes of one data set: accuracies, and differences on the same pictures."""
    rows = []
    for name, one in result["changes"].items():
        pairs = f"{one['only_changed_right']} / {one['only_unchanged_right']}"
        rows.append((f"`{name}`" if "=" in name else name, _mean(one), *_difference(one, pairs)))
    seeds = max(one["runs"] for one in result["changes"].values())
    runs = "one run" if seeds == 1 else f"mean of {seeds} splits"
    header = (
        f"{result['data']}: {runs}, {result['pictures']:,} pictures,"
        f" {result['test_pictures']} of them test",
        "test accuracy",
        "points (95 %)",
        "only right with / without",
    )
    left = ", ".join(result["not_measured"])
    return markdown_table(header, rows) + (f"\n\nNot measured: {left}." if left else "")


def _mean(one: Result) -> str:
    spread = f" ± {100 * one['standard_deviation']:.1f}" if one["runs"] > 1 else ""
    return f"{100 * one['mean']:.1f}{spread} %"


def _difference(one: Result, pairs: str) -> tuple[str, str]:
    if not one["only_changed_right"] and not one["only_unchanged_right"]:
        return "0.0", pairs
    low, middle, high = (
        f"{100 * one[key]:+.1f}" for key in ("difference_low", "difference", "difference_high")
    )
    return f"{middle} ({low} to {high})", pairs


def _machines(results: Iterable[Result]) -> str:
    machines = sorted({_machine(result["machine"]) for result in results})
    return f"Machine: {'; '.join(machines)}."


def _machine(machine: Result) -> str:
    cores, memory = machine["cores"], machine["memory_bytes"] / 2**30
    packages = machine["packages"]
    versions = f"torch {packages['torch']}, onnxruntime {packages['onnxruntime']}"
    place = f"{cores} virtual cores of an {machine['processor']}, {memory:.0f} GiB"
    return f"{place}, Python {machine['python']}, {versions}, {machine['time'][:10]}"


def _spread(value: Result, digits: int) -> str:
    middle = f"{value['median']:.{digits}f}"
    if value["runs"] == 1:
        return f"{middle} (one run)"
    return f"{middle} ({value['min']:.{digits}f} to {value['max']:.{digits}f})"


def _percent(value: Result) -> str:
    return f"{100 * value['mean']:.1f} ± {100 * value['standard_deviation']:.1f} %"


SECTIONS: Mapping[str, Callable[[Mapping[str, Result]], str]] = {
    "performance.md": section,
    "better-accuracy.md": better_section,
    "unknown-pictures.md": partial(knowing_section, parts=("unknown", "explaining")),
    "data.md": partial(knowing_section, parts=("labels",)),
    "monitoring.md": partial(knowing_section, parts=("drift",)),
}


def main() -> None:
    """Put the figures into the pages."""
    results = read_results()
    for name, write in SECTIONS.items():
        page = DOCS / name
        page.write_text(with_section(page.read_text(), write(results)))


if __name__ == "__main__":
    main()
