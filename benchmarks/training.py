"""A complete pipeline run (20 trials) against one epoch of the usual script, side by side."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import spread, text_table
from benchmarks.pipeline_run import (
    AFTER_FEATURES,
    FEATURE_STEPS,
    CompletedRun,
    backbone_settings,
    run_pipeline,
)
from pipeline.cli import ROOT

BACKBONES = ("mobilenet_v2", "resnet18", "squeezenet1_1")
TRIALS, EPOCHS = 20, 20


def run(context: Context) -> dict[str, Any]:
    """Both, one after the other and again, for every backbone: each time in a new state folder."""
    repeats = 1 if context.quick else 3
    chosen = BACKBONES[2:] if context.quick else BACKBONES
    return {"backbones": {name: _compare(context, name, repeats) for name in chosen}}


def _compare(context: Context, backbone: str, repeats: int) -> dict[str, Any]:
    epochs, runs = [], []
    for number in range(repeats):
        epochs.append(usual_epoch(context, backbone))
        runs.append(_complete_run(context, backbone, context.work / f"{backbone}-{number}"))
        ratio = runs[-1].seconds / epochs[-1]["seconds"]
        context.say(f"{backbone} {number + 1}/{repeats}: complete run / epoch = {ratio:.2f}")
    return _result(epochs, runs)


def _complete_run(context: Context, backbone: str, state: Path) -> CompletedRun:
    trials, epochs = (3, 3) if context.quick else (TRIALS, EPOCHS)
    settings = {
        **backbone_settings(context, backbone),
        "tuning.max_jobs": trials,
        "training.epochs": epochs,
    }
    return run_pipeline(context, settings, state)


def usual_epoch(context: Context, backbone: str) -> dict[str, Any]:
    """One epoch of the usual script: training and validation, without its start-up."""
    argv = [sys.executable, "-m", "benchmarks.usual_script", "--data", str(context.data)]
    argv += ["--backbone", backbone]
    if weights := context.weights_of(backbone):
        argv += ["--weights", str(weights)]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchmarkError(f"the usual script failed:\n{ended.stderr[-2000:]}")
    line: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return line


def _result(epochs: list[dict[str, Any]], runs: list[CompletedRun]) -> dict[str, Any]:
    pictures = epochs[0]["pictures"]
    usual = [epoch["seconds"] for epoch in epochs]
    features = [run.of(FEATURE_STEPS) for run in runs]
    after = [run.of(AFTER_FEATURES) for run in runs]
    return {
        "pictures": pictures,
        "epoch_seconds": spread(usual),
        "run_seconds": spread([run.seconds for run in runs]),
        "run_per_epoch": spread([run.seconds / one for run, one in zip(runs, usual, strict=True)]),
        "after_features_per_pass": spread(
            [run.of(AFTER_FEATURES) / run.steps["ExtractFeatures"] for run in runs]
        ),
        "after_features_seconds": spread(after),
        "prepare_and_features_seconds": spread(features),
        "step_seconds": {
            name: statistics.median(run.steps[name] for run in runs) for name in runs[0].steps
        },
        "trial_seconds": spread([trial for run in runs for trial in run.trials]),
        "test_accuracy": spread([run.accuracy for run in runs]),
    }


def table(result: dict[str, Any]) -> str:
    """The table that is printed."""
    header = ("backbone", "epoch s", "run s", "run/epoch", "spread", "after/pass", "accuracy")
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
                f"{one['test_accuracy']['median']:.3f}",
            )
        )
    return text_table(header, rows)


def plot(result: dict[str, Any], path: Path) -> None:
    """A run's steps, stacked, beside one epoch of the usual script."""
    from matplotlib import pyplot

    names = list(result["backbones"])
    figure, axes = pyplot.subplots(figsize=(7, 0.9 * len(names) * 2), layout="constrained")
    for place, name in enumerate(names):
        one = result["backbones"][name]
        axes.barh(2 * place, one["epoch_seconds"]["median"], color="#9a9a9a")
        left = 0.0
        steps = [(step, value) for step, value in one["step_seconds"].items() if value >= 0.05]
        for number, (step, value) in enumerate(steps):
            label = step if place == 0 else None
            axes.barh(2 * place + 0.8, value, left=left, color=f"C{number}", label=label)
            left += value
    ticks = [(2.0 * i, f"{name}: one usual epoch") for i, name in enumerate(names)]
    ticks += [(2 * i + 0.8, f"{name}: the whole pipeline") for i, name in enumerate(names)]
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds on {result['machine']['cores']} cores")
    axes.legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
