"""Measure whether a model knows what it does not know, and keeps what it promises.

Scores are compared on far pictures, which are drawn, and on classes that were held out; coverage
promised on validation pictures is looked up on the test's; answers are timed with and without.
"""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from benchmarks.jobs import features, prepare
from pipeline.command_line.running import ROOT

BACKBONES = ("mobilenet_v2", "squeezenet1_1")
LEAST_FAR, MOST_REFUSED = 0.95, 0.05
MOST_GROWTH, MOST_SLOWER = 0.2, 0.02
_SEEDS = 5
_OURS = "relative Mahalanobis, 64 directions"
_NEAR = "maximum probability"
_CHANCE = 0.02  # of 5 seeds with 800 test pictures each: two standard errors of what is refused


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"knowing-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Measure every backbone that there are weights of, else the first one with random ones."""
    names = [name for name in BACKBONES if context.weights_of(name)] or list(BACKBONES[:1])
    folder = context.cache / f"knowing-{context.data.name}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dataset").is_dir():
        try:
            prepare(context.data, folder)
        except BenchmarkError:
            shutil.rmtree(folder)
            raise
    return {
        "data": context.data.name,
        "backbones": [
            _measured(context, folder, name) for name in (names[:1] if context.quick else names)
        ],
    }


def _measured(context: Context, folder: Any, backbone: str) -> dict[str, Any]:
    target = folder / backbone / "features"
    weights = context.weights_of(backbone)
    if not (target / "features.json").is_file():
        target.parent.mkdir(exist_ok=True)
        features(folder / "dataset", target, backbone, weights)
    context.say(f"{backbone}: features are there")
    code = [ROOT, ROOT / "training_code", ROOT / "inference_code"]
    argv = [sys.executable, "-m", "benchmarks.measure_knowing"]
    argv += ["--dataset", folder / "dataset", "--test", folder / "test", "--features", target]
    argv += ["--seeds", "1" if context.quick else str(_SEEDS)]
    ended = subprocess.run(
        list(map(str, argv)),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, code)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BenchmarkError(f"measuring {backbone} failed:\n{ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found | {"pretrained": weights is not None}


def table(result: dict[str, Any]) -> str:
    """Format what each score tells apart as the table that is printed."""
    return "\n".join(_table(one) for one in result["backbones"])


def _table(one: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"{found['near']:.3f}",
            f"{found['far']:.3f}",
            f"{found['known_refused']:.1%}",
            f"{found['near_refused']:.1%}",
            f"{found['far_refused']:.1%}",
        )
        for name, found in one["scores"].items()
    ]
    header = (one["backbone"], "near AUROC", "far AUROC", "refused", "near", "far")
    kept, times = one["promises"], one["serving"]["p50_cpu_ms"]
    return "\n".join(
        (
            text_table(header, rows),
            f"promises kept: {kept['kept']} of {kept['of']}; known.npz adds {_growth(one):.1%}; "
            f"p50 {times['without']:.2f} ms of CPU without it, {times['with']:.2f} ms with",
        )
    )


def problems(result: dict[str, Any]) -> list[str]:
    """Return what does not hold; of random weights nothing is asked."""
    return [line for one in result["backbones"] if one["pretrained"] for line in _problems(one)]


def _problems(one: dict[str, Any]) -> list[str]:
    ours, times = one["scores"][_OURS], one["serving"]["p50_cpu_ms"]
    kept = sum(point["kept"] for point in one["promises"]["at_80_percent"])
    holds = {
        f"far AUROC {ours['far']:.3f}": ours["far"] >= LEAST_FAR,
        f"{ours['known_refused']:.1%} of known pictures refused": ours["known_refused"]
        <= MOST_REFUSED + _CHANCE,
        f"near AUROC {ours['near']:.3f}, below the {_NEAR}'s": ours["near"]
        >= one["scores"][_NEAR]["near"],
        f"at 80 % coverage, promises kept by {kept} of {one['seeds']} seeds": kept
        >= one["seeds"] - 1,  # points of one seed rise and fall together
        f"known.npz adds {_growth(one):.1%} to the artifact": _growth(one) <= MOST_GROWTH,
        f"p50 {times['with']:.2f} ms of CPU, {times['without']:.2f} without": times["with"]
        <= (1 + MOST_SLOWER) * times["without"],
    }
    return [f"{one['backbone']}: {what}" for what, held in holds.items() if not held]


def _growth(one: dict[str, Any]) -> float:
    return float(one["serving"]["known_bytes"] / one["serving"]["artifact_bytes"])
