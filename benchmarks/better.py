"""Measure what advice does to the test accuracy: one change at a time, on the same pictures.

What is changed is the run of the README: mobilenet_v2, frozen, with the settings of `local`. Every
run's answers are kept in the cache, so that a measurement that was stopped goes on. Ctrl-C leaves
out what is not measured yet, and the result says so.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import mean_and_deviation, text_table
from benchmarks.pipeline_run import backbone_settings, run_pipeline
from pipeline.comparing.intervals import paired_interval

BACKBONE = "mobilenet_v2"
UNCHANGED, HALF = "the run of the README", "half of the training pictures"
_SEEDS = (0, 1)
_MANY = 2000  # pictures: then one seed tells enough, and costs enough
_ANSWERS = "answers"

Right = Mapping[str, bool]


@dataclass(frozen=True)
class Change:
    """A change of the run: settings, another backbone with its weights, or fewer pictures."""

    settings: Mapping[str, Any]
    backbone: str = BACKBONE
    weights: bool = True
    half: bool = False


def _set(**settings: Any) -> Change:
    return Change({key.replace("__", "."): value for key, value in settings.items()})


CHANGES: Mapping[str, Change] = {
    UNCHANGED: _set(),
    "backbone.weights=none": Change({}, weights=False),
    "backbone.name=squeezenet1_1": Change({}, "squeezenet1_1"),
    HALF: Change({}, half=True),
    "features.views=4": _set(features__views=4),
    "training.fine_tune_blocks=1": _set(training__fine_tune_blocks=1),
    "training.label_smoothing=0.1": _set(training__label_smoothing=0.1),
    "tuning.objective=best:valid_loss": _set(tuning__objective="best:valid_loss"),
    "tuning.max_jobs=24": _set(tuning__max_jobs=24),
}
_QUICK = (UNCHANGED, "features.views=4")


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"better-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Measure every change with each seed; without the backbone's weights they say little."""
    wanted = [name for name, change in CHANGES.items() if _possible(context, name, change)]
    found: dict[str, Sequence[Right]] = {}
    try:
        for name in wanted:
            found[name] = [_right(context, name, seed) for seed in _seeds(context)]
    except KeyboardInterrupt:
        context.say("stopped: what is not measured is left out")
    if UNCHANGED not in found:
        raise BenchmarkError("stopped before the first run was measured: there is nothing to tell")
    base = found[UNCHANGED]
    return {
        "data": context.data.name,
        "backbone": BACKBONE,
        "pretrained": context.weights_of(BACKBONE) is not None,
        "pictures": _count(context.data),
        "test_pictures": len(base[0]),
        "changes": {name: _against(base, right) for name, right in found.items()},
        "not_measured": [name for name in wanted if name not in found],
    }


def _seeds(context: Context) -> Sequence[int]:
    """Return the seeds of data, search and training: one where pictures are many."""
    return _SEEDS[:1] if context.quick or _count(context.data) > _MANY else _SEEDS


def _count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _possible(context: Context, name: str, change: Change) -> bool:
    if context.quick:
        return name in _QUICK
    if change.half:
        return (context.data / "train").is_dir()
    return not change.weights or context.weights_of(change.backbone) is not None


def _right(context: Context, name: str, seed: int) -> Right:
    """Return whether each test picture is answered rightly, from the cache or by a run."""
    kept = context.cache / _ANSWERS / f"{context.data.name}-{name}-{seed}.json"
    if not kept.is_file():
        answers = _run(context, CHANGES[name], seed)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(answers))
    right: dict[str, bool] = json.loads(kept.read_text())
    context.say(f"{context.data.name}, {name}, seed {seed}: {mean(right.values()):.4f}")
    return right


def _run(context: Context, change: Change, seed: int) -> Right:
    settings = {
        **backbone_settings(context, change.backbone),
        **({} if change.weights else {"backbone.weights": "none"}),
        "project": "better",
        "data.seed": seed,
        "training.seed": seed,
        "tuning.seed": seed,
        **change.settings,
    }
    state = context.work / "state"
    if not change.half:
        return run_pipeline(context, settings, state).right()
    with_half = replace(context, data=_halved(context.data, context.work / "half"))
    return run_pipeline(with_half, settings, state).right()


def _halved(data: Path, target: Path) -> Path:
    """Copy a split data set with every second training picture of each class left out."""
    for path in sorted(data.glob("*/*")):
        files = sorted(path.iterdir())
        kept = files[::2] if path.parent.name == "train" else files
        folder = target / path.relative_to(data)
        folder.mkdir(parents=True, exist_ok=True)
        for file in kept:
            shutil.copyfile(file, folder / file.name)
    return target


def _against(base: Sequence[Right], changed: Sequence[Right]) -> dict[str, Any]:
    """Compare with the unchanged run, picture by picture, over all seeds together."""
    pairs = [
        (one[file], other[file]) for one, other in zip(base, changed, strict=True) for file in one
    ]
    only_base = sum(before and not after for before, after in pairs)
    only_changed = sum(after and not before for before, after in pairs)
    interval = paired_interval(len(pairs), only_changed, only_base)
    return {
        **mean_and_deviation([mean(right.values()) for right in changed]),
        "only_changed_right": only_changed,
        "only_unchanged_right": only_base,
        "difference": (only_changed - only_base) / len(pairs),
        "difference_low": interval.low,
        "difference_high": interval.high,
    }


def table(result: dict[str, Any]) -> str:
    """Format the accuracies as the table that is printed."""
    rows = [
        (
            name,
            f"{one['mean']:.3f}",
            f"{100 * one['difference']:+.1f}",
            f"{100 * one['difference_low']:+.1f} to {100 * one['difference_high']:+.1f}",
        )
        for name, one in result["changes"].items()
    ]
    return text_table((result["data"], "accuracy", "points", "95 %"), rows)
