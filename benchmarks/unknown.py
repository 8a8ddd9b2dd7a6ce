"""Measure whether a model tells pictures of none of its classes, and keeps what it promises.

Scores are compared on far pictures, which are drawn, and on classes that were held out; coverage
promised on validation pictures is looked up on the test's; answers are timed with and without.
"""

import json
import os
import subprocess
import sys
from statistics import NormalDist
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from benchmarks.jobs import cached_features
from pipeline.command_line.running import ROOT

BACKBONES = ("mobilenet_v2", "squeezenet1_1")
LEAST_FAR, MOST_REFUSED = 0.95, 0.05
MOST_GROWTH, MOST_SLOWER = 0.2, 0.02
_SEEDS = 5
_FAR = 60  # pictures of each kind
_REQUESTS = 150
_OURS = "relative Mahalanobis, 64 directions"
_NEAR = "maximum probability"
_LEVEL = 0.95  # of what is said of all seeds together


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"unknown-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Measure every backbone that there are weights of, else the first one with random ones."""
    names = [name for name in BACKBONES if context.weights_of(name)] or list(BACKBONES[:1])
    wanted = names[:1] if context.quick else names
    return {"data": context.data.name, "backbones": [_measured(context, name) for name in wanted]}


def _measured(context: Context, backbone: str) -> dict[str, Any]:
    folder, target = cached_features(context, backbone)
    code = [ROOT, ROOT / "training_code", ROOT / "inference_code"]
    argv: list[object] = [sys.executable, "-m", "benchmarks.measure_unknown"]
    argv += ["--dataset", folder / "dataset", "--test", folder / "test", "--features", target]
    argv += ["--seeds", 1 if context.quick else _SEEDS, "--far", 5 if context.quick else _FAR]
    argv += ["--requests", 5 if context.quick else _REQUESTS]
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
    return found | {"pretrained": context.weights_of(backbone) is not None}


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
    shown = [point["kept"] for point in kept["at_80_percent"]]
    return "\n".join(
        (
            text_table(header, rows),
            f"promises kept: {kept['kept']} of {kept['of']}, at 80 % coverage {sum(shown)} of "
            f"{len(shown)}; known.npz adds {_growth(one):.1%}; "
            f"p50 {times['without']:.2f} ms of CPU without it, {times['with']:.2f} ms with",
        )
    )


def problems(result: dict[str, Any]) -> list[str]:
    """Return what is not reached; of random weights and the smallest sizes nothing is asked."""
    if result["quick"]:
        return []
    return [line for one in result["backbones"] if one["pretrained"] for line in _problems(one)]


def _problems(one: dict[str, Any]) -> list[str]:
    """Hold the figures against those asked for; what is drawn may be off by chance, not by more."""
    ours, times = one["scores"][_OURS], one["serving"]["p50_cpu_ms"]
    near, rival = ours["near"], one["scores"][_NEAR]["near"]
    refused, most = ours["known_refused"], MOST_REFUSED + _chance_of_refused(one)
    unlucky = min(point["chance"] for point in one["promises"]["at_80_percent"])
    slower = times["with"] / times["without"] - 1
    holds = {
        f"far AUROC {ours['far']:.3f}, at least {LEAST_FAR} is asked for": ours["far"] >= LEAST_FAR,
        f"{refused:.2%} of known pictures refused, at most {MOST_REFUSED:.0%} is asked for and "
        f"chance explains {most:.2%}": refused <= most,
        f"near AUROC {near:.3f}, below the {_NEAR}'s {rival:.3f}": near >= rival,
        f"coverage promised at 80 % is missed by more than chance explains over {one['seeds']} "
        f"seeds (one of them has a chance of {unlucky:.2%})": unlucky > (1 - _LEVEL) / one["seeds"],
        f"known.npz adds {_growth(one):.1%} to the artifact, at most {MOST_GROWTH:.0%} is asked "
        "for": _growth(one) <= MOST_GROWTH,
        f"p50 takes {slower:.1%} more CPU time ({times['with']:.2f} ms), at most "
        f"{MOST_SLOWER:.0%} is asked for": slower <= MOST_SLOWER,
    }
    return [f"{one['backbone']}: {what}" for what, held in holds.items() if not held]


def _chance_of_refused(one: dict[str, Any]) -> float:
    """Return by how much the mean share over the seeds may be above what is asked for."""
    of = sum(1 / one["pictures"][split] for split in ("valid", "test")) / one["seeds"]
    return float(NormalDist().inv_cdf(_LEVEL) * (MOST_REFUSED * (1 - MOST_REFUSED) * of) ** 0.5)


def _growth(one: dict[str, Any]) -> float:
    return float(one["serving"]["known_bytes"] / one["serving"]["artifact_bytes"])
