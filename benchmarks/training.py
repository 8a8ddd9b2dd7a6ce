"""Time a complete run with 20 trials, and one pass, against one epoch of the usual script.

A second run searches by one training with LBFGS, whose 20 epochs are as many decays.
The pass is prepare and features with one view in fp32, as pictures a second.
"""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import spread, text_table
from benchmarks.jobs import features, prepare
from benchmarks.pipeline_run import (
    AFTER_FEATURES,
    CompletedRun,
    backbone_settings,
    run_pipeline,
)
from pipeline.command_line.running import ROOT

ROUNDS = {"mobilenet_v2": 3, "squeezenet1_1": 1, "resnet18": 1}
TRIALS, EPOCHS = 20, 20
LBFGS = {
    "tuning.ranges": "{optimizer: [LBFGS], lr: null, batch_size: null, weight_decay: null}",
    "tuning.max_jobs": 1,
    "tuning.max_parallel_jobs": 1,
}
PLOTTED_STEPS = ("Prepare", "ExtractFeatures", *AFTER_FEATURES)


@dataclass(frozen=True)
class _Round:
    """Measurements made one after the other; `pictures` are those of training and validation."""

    pictures: int
    epoch_seconds: float
    run: CompletedRun
    by_lbfgs: CompletedRun
    pass_seconds: float

    @property
    def speed(self) -> float:
        """Pictures a second, as a multiple of the usual script's."""
        return self.epoch_seconds / self.pass_seconds

    def said(self) -> str:
        epochs = f"complete run / epoch = {self.run.seconds / self.epoch_seconds:.2f}"
        lbfgs = f"by LBFGS {self.by_lbfgs.seconds / self.epoch_seconds:.2f}"
        return f"{epochs}, {lbfgs}, pictures a second x {self.speed:.2f}"


def run(context: Context) -> dict[str, Any]:
    """Time the run and the epoch in turns, for every backbone: each time in a new state folder."""
    rounds = {"squeezenet1_1": 1} if context.quick else ROUNDS
    return {"backbones": {name: _compare(context, name, rounds[name]) for name in rounds}}


def _compare(context: Context, backbone: str, repeats: int) -> dict[str, Any]:
    rounds = []
    for number in range(repeats):
        folder = context.work / f"{backbone}-{number}"
        epoch = _usual_epoch(context, backbone)
        rounds.append(
            _Round(
                pictures=epoch["pictures"],
                epoch_seconds=epoch["seconds"],
                run=_complete_run(context, backbone, folder / "state", {}),
                by_lbfgs=_complete_run(context, backbone, folder / "lbfgs", LBFGS),
                pass_seconds=_pass_seconds(context, backbone, folder),
            )
        )
        shutil.rmtree(folder)
        context.say(f"{backbone} {number + 1}/{repeats}: {rounds[-1].said()}")
    return _result(rounds)


def _complete_run(
    context: Context, backbone: str, state: Path, search: Mapping[str, Any]
) -> CompletedRun:
    trials, epochs = (3, 3) if context.quick else (TRIALS, EPOCHS)
    if context.smoke:
        trials, epochs = 2, 1  # as many at a time as here
    settings = {
        **backbone_settings(context, backbone),
        "tuning.max_jobs": trials,
        "training.epochs": epochs,
        **search,
    }
    return run_pipeline(context, settings, state)


def _usual_epoch(context: Context, backbone: str) -> dict[str, Any]:
    """Run one epoch of the usual script: training and validation, timed without its start-up."""
    argv = [sys.executable, "-m", "benchmarks.usual_script", "--data", str(context.data)]
    argv += ["--backbone", backbone]
    if weights := context.weights_of(backbone):
        argv += ["--weights", str(weights)]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchmarkError(f"the usual script failed:\n{ended.stderr[-2000:]}")
    line: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return line


def _pass_seconds(context: Context, backbone: str, folder: Path) -> float:
    """Time prepare (with the test pictures, which count in its time only) and features."""
    weights = context.weights_of(backbone)
    first = prepare(context.data, folder)
    second = features(folder / "dataset", folder / "features", backbone, weights)
    return first.seconds + second.seconds


def _result(rounds: list[_Round]) -> dict[str, Any]:
    epochs = [one.epoch_seconds for one in rounds]
    return {
        "pictures": rounds[0].pictures,
        "epoch_seconds": spread(epochs),
        **_run_figures([one.run for one in rounds], epochs),
        "by_lbfgs": _run_figures([one.by_lbfgs for one in rounds], epochs),
        "usual_pictures_per_second": spread([one.pictures / one.epoch_seconds for one in rounds]),
        "pictures_per_second": spread([one.pictures / one.pass_seconds for one in rounds]),
        "speed": spread([one.speed for one in rounds]),
    }


def _run_figures(runs: list[CompletedRun], epochs: list[float]) -> dict[str, Any]:
    after = [run.of(AFTER_FEATURES) for run in runs]
    passes = [run.steps["ExtractFeatures"] for run in runs]
    return {
        "run_seconds": spread([run.seconds for run in runs]),
        "run_per_epoch": spread([run.seconds / one for run, one in zip(runs, epochs, strict=True)]),
        "after_features_seconds": spread(after),
        "after_features_per_pass": spread([a / b for a, b in zip(after, passes, strict=True)]),
        "step_seconds": {
            name: statistics.median(run.steps[name] for run in runs) for name in runs[0].steps
        },
        "trial_seconds": spread([trial for run in runs for trial in run.trials]),
        "test_accuracy": spread([run.accuracy for run in runs]),
    }


def table(result: dict[str, Any]) -> str:
    """Format the times as the table that is printed."""
    header = ("backbone", "epoch s", "run s", "run/epoch", "spread", "after/pass", "LBFGS/epoch")
    rows = []
    for name, one in result["backbones"].items():
        ratio = one["run_per_epoch"]
        rows.append(
            (
                name,
                f"{one['epoch_seconds']['median']:.1f}",
                f"{one['run_seconds']['median']:.1f}",
                f"{ratio['median']:.2f}",
                f"{ratio['min']:.2f}-{ratio['max']:.2f}",
                f"{one['after_features_per_pass']['median']:.2f}",
                f"{one['by_lbfgs']['run_per_epoch']['median']:.2f}",
            )
        )
    return text_table(header, rows)


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot a run's steps, stacked, beside one epoch of the usual script."""
    from matplotlib import pyplot

    names = list(result["backbones"])
    figure, axes = pyplot.subplots(figsize=(7, 0.9 * len(names) * 2), layout="constrained")
    for place, name in enumerate(names):
        one = result["backbones"][name]
        axes.barh(2 * place, one["epoch_seconds"]["median"], color="#9a9a9a")
        left = 0.0
        for number, (part, seconds) in enumerate(_parts(one).items()):
            label = part if place == 0 else None
            axes.barh(2 * place + 0.8, seconds, left=left, color=f"C{number}", label=label)
            left += seconds
    ticks = [(2.0 * i, f"{name}: one usual epoch") for i, name in enumerate(names)]
    ticks += [(2 * i + 0.8, f"{name}: the whole pipeline") for i, name in enumerate(names)]
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds on {result['machine']['cores']} cores")
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _parts(one: dict[str, Any]) -> dict[str, float]:
    """Return a run's seconds: those of its longer steps in their order, and of all the rest."""
    steps = {name: one["step_seconds"][name] for name in PLOTTED_STEPS}
    return steps | {
        "start, report, short steps": one["run_seconds"]["median"] - sum(steps.values())
    }
