"""Compare test accuracies: the pipeline and the usual script after 20 epochs, 3 seeds each."""

import json
import os
import subprocess
import sys
from statistics import mean
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import mean_and_deviation, text_table
from benchmarks.pipeline_run import backbone_settings, run_pipeline
from benchmarks.training import EPOCHS, TRIALS
from pipeline.command_line.running import ROOT

SEEDS = (0, 1, 2)
FROZEN = {"training.fine_tune_blocks": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    "frozen backbone": FROZEN,
    "fine-tuned": {"training.fine_tune_blocks": 3},
}


def run(context: Context) -> dict[str, Any]:
    """Compare accuracies with mobilenet_v2; they say nothing unless its weights are given."""
    backbone = "mobilenet_v2"
    usual = _usual(context, backbone)
    ours = {name: _ours(context, backbone, extra) for name, extra in VARIANTS.items()}
    return {
        "backbone": backbone,
        "pretrained": context.weights_of(backbone) is not None,
        "test_pictures": len(usual["files"]),
        "usual": {
            "lr": usual["lr"],
            "learning_rates": usual["learning_rates"],
            **mean_and_deviation([mean(right) for right in usual["right"]]),
        },
        "ours": {name: _against(usual, answers) for name, answers in ours.items()},
    }


def _usual(context: Context, backbone: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.usual_accuracy", "--data", str(context.data)]
    argv += ["--backbone", backbone, "--cache", str(context.cache / f"usual-{backbone}")]
    if weights := context.weights_of(backbone):
        argv += ["--weights", str(weights)]
    code = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    environment = os.environ | {"PYTHONPATH": code}
    ended = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, env=environment
    )
    if ended.returncode:
        raise BenchmarkError("the usual script's accuracy could not be measured; see above")
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def _ours(context: Context, backbone: str, extra: dict[str, Any]) -> list[dict[str, bool]]:
    """Return the answers of each seed: prepared pictures and features come from the cache."""
    answers = []
    for seed in SEEDS[:1] if context.quick else SEEDS:
        settings = {
            **backbone_settings(context, backbone),
            "training.seed": seed,
            "tuning.seed": seed,
            "tuning.max_jobs": 3 if context.quick else TRIALS,
            "training.epochs": EPOCHS,
            **extra,
        }
        done = run_pipeline(context, settings, context.work / "state")
        context.say(f"seed {seed} {extra}: {done.accuracy:.4f}")
        answers.append(done.right())
    return answers


def _against(usual: dict[str, Any], answers: list[dict[str, bool]]) -> dict[str, Any]:
    """Return our accuracy, and for each seed how many pictures only one side was right about."""
    pairs = []
    for right, ours in zip(usual["right"], answers, strict=False):
        theirs = dict(zip(usual["files"], map(bool, right), strict=True))
        pairs.append(
            {
                "only_ours": sum(ours[file] and not theirs[file] for file in theirs),
                "only_usual": sum(theirs[file] and not ours[file] for file in theirs),
            }
        )
    accuracies = [mean(one.values()) for one in answers]
    return {**mean_and_deviation(accuracies), "seeds": accuracies, "pairs": pairs}


def table(result: dict[str, Any]) -> str:
    """Format the accuracies as the table that is printed."""
    usual = result["usual"]
    rows = [("usual script, 20 epochs", *_shown(usual), f"lr {usual['lr']:g}", "")]
    for name, one in result["ours"].items():
        alone = [" ".join(str(pair[key]) for pair in one["pairs"]) for key in _ALONE]
        rows.append((name, *_shown(one), *alone))
    header = (result["backbone"], "accuracy", "deviation", "only ours", "only usual")
    return text_table(header, rows)


_ALONE = ("only_ours", "only_usual")


def _shown(one: dict[str, Any]) -> tuple[str, str]:
    return f"{one['mean']:.4f}", f"{one['standard_deviation']:.4f}"
