"""Measure what is known of pictures from their features: wrong labels, and copies.

Labels are flipped, and copies made, in the features and pictures of one run of the first two steps:
nothing is trained. Each figure is a mean over seeds.
"""

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks import jobs
from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from pipeline.command_line.running import ROOT

BACKBONE = "mobilenet_v2"
LEAST = {"random": 0.8, "similar": 0.6, "copies": 0.95}
MOST_FALSE, MOST_SECONDS = 0.001, 3.0
MOST_NAMED = 0.01  # of labels that nobody flipped: some of them are wrong all the same
_SEEDS, _QUICK_SEEDS = 5, 1


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"labels-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Prepare the pictures, pass the backbone over them, and review them with known mistakes."""
    prepared, features = jobs.cached_features(context, BACKBONE)
    weights = context.weights_of(BACKBONE)
    seeds = _QUICK_SEEDS if context.quick else _SEEDS
    argv = [sys.executable, "-m", "benchmarks.review_known", str(prepared / "dataset")]
    argv += [str(features), "--weights", str(weights or ""), "--seeds", str(seeds)]
    code = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    # threads that wait for one another would count as work
    environment = os.environ | {"PYTHONPATH": code, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    if ended.returncode:
        raise BenchmarkError(f"the review failed:\n{ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return {"data": context.data.name, "pretrained": weights is not None, "labels": found}


def problems(result: dict[str, Any]) -> list[str]:
    """Say what is not as good as it must be; without the backbone's weights nothing must be."""
    if not result["pretrained"] or result["quick"]:
        return []
    labels = result["labels"]
    shares = {**labels["found"], "copies": min(labels["copies"].values())}
    wrong = [
        f"{name}: {shares[name]:.3f} found, at least {least} are to be"
        for name, least in LEAST.items()
        if shares[name] < least
    ]
    if labels["false_copies"] > MOST_FALSE:
        wrong.append(f"{labels['false_copies']:.5f} false copies, at most {MOST_FALSE} may be")
    if labels["named_without_flips"] > MOST_NAMED * labels["pictures"]:
        wrong.append(f"{labels['named_without_flips']} labels named that nobody flipped")
    seconds = labels["label_seconds"] * 7000 / labels["pictures"]
    if seconds > MOST_SECONDS:
        wrong.append(f"labels: {seconds:.1f} CPU seconds for 7,000, at most {MOST_SECONDS} may be")
    return wrong


def table(result: dict[str, Any]) -> str:
    """Format the figures as the table that is printed."""
    labels = result["labels"]
    rows = [(f"labels flipped, {name}", f"{share:.3f}") for name, share in labels["found"].items()]
    rows += [
        (f"named, {name}", f"{named:.0f}, {labels['named_rightly'][name]:.0%} of them flipped")
        for name, named in labels["named"].items()
    ]
    rows += [("named, none flipped", str(labels["named_without_flips"]))]
    rows += [(f"copies, {name}", f"{share:.3f}") for name, share in labels["copies"].items()]
    rows += [
        ("false copies", f"{labels['false_copies']:.5f}"),
        ("CPU seconds, labels", f"{labels['label_seconds']:.2f}"),
        ("CPU seconds, copies", f"{labels['copy_seconds']:.2f}"),
    ]
    return text_table((f"{result['data']}, {labels['pictures']} pictures", "found"), rows)
