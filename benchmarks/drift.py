"""Measure how soon a changed camera is noticed, and how often nothing is taken for a change.

Pictures are changed as a camera changes them (blur, less light, another white balance, JPEG quality
30), or three classes stay away. Undisturbed samples are drawn from the same pictures again and
again: at most 1 check in 1,000 may call them changed.
"""

import json
import math
import os
import subprocess
import sys
from typing import Any

from benchmarks import jobs
from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from pipeline.command_line.running import ROOT

BACKBONE = "mobilenet_v2"
PICTURES, FALSE_ALARMS = 500, 0.001
_CHECKS, _QUICK_CHECKS = 3000, 20


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"drift-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Prepare the pictures, pass the backbone over them, and check samples of them."""
    folder = context.cache / f"drift-{context.data.name}"
    dataset, target = folder / "dataset", folder / "features"
    weights = context.weights_of(BACKBONE)
    if not (dataset / "dataset.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        jobs.prepare(context.data, folder)
    if not (target / "features.json").is_file():
        jobs.features(dataset, target, BACKBONE, weights)
    context.say("features are there")
    checks = _QUICK_CHECKS if context.quick else _CHECKS
    argv = [sys.executable, "-m", "benchmarks.measure_drift", "--dataset", str(dataset)]
    argv += ["--features", str(target), "--checks", str(checks), "--pictures", str(PICTURES)]
    argv += ["--draws", "1" if context.quick else "5"]
    code = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    ended = subprocess.run(
        argv,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": code},
    )
    if ended.returncode:
        raise BenchmarkError(f"measuring drift failed:\n{ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return {"data": context.data.name, "pretrained": weights is not None, "drift": found}


def problems(result: dict[str, Any]) -> list[str]:
    """Say what is not reached; of random weights nothing is asked."""
    if not result["pretrained"] or result["quick"]:
        return []
    drift = result["drift"]
    most = drift["sizes"][-1]
    missed = [
        f"not reached: {name} was raised in {shares[-1]:.0%} of the draws of {most} pictures"
        for name, shares in drift["raised"].items()
        if shares[-1] < 1
    ]
    alarms, checks = drift["false_alarms"], drift["checks"]
    if alarms > math.ceil(FALSE_ALARMS * checks):
        missed.append(f"not reached: {alarms} false alarms in {checks:,} checks")
    return missed


def table(result: dict[str, Any]) -> str:
    """Format the shares raised as the table that is printed."""
    drift = result["drift"]
    rows = [
        (name, *(f"{share:.0%}" for share in shares), ", ".join(drift["by"][name]))
        for name, shares in drift["raised"].items()
    ]
    sizes = [f"{size} pictures" for size in drift["sizes"]]
    shown = text_table((f"{result['data']}: raised of", *sizes, "by, of the most"), rows)
    return (
        f"{shown}\nfalse alarms: {drift['false_alarms']} in {drift['checks']:,} checks of "
        f"{drift['sizes'][-1]} pictures with {drift['reference']} others; "
        f"{drift['check_cpu_seconds']:.2f} CPU seconds a check"
    )
