"""Measure what Debugger's hook, rules in the job and the profiler cost a training, at defaults.

The head as in a run on 6,720 pictures for 20 epochs, and fine-tuning long enough for two savings of
all its tensors. The import of smdebug, once a job, is not in it.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import spread, text_table
from pipeline.command_line.running import ROOT

ROUNDS, QUICK_ROUNDS = {"head": 15, "fine-tuning": 9}, {"head": 1}
STEPS = {"head": 2100, "fine-tuning": 550}  # tensors are saved every 500 steps
QUICK_STEPS = 210


def run(context: Context) -> dict[str, Any]:
    """Measure each part in a process of its own; in it, all ways to watch take turns.

    Tensors are written to the folder that local runs use: making files is a large part of it.
    """
    parameters = _definition_parameters()
    found = {}
    for part, rounds in (QUICK_ROUNDS if context.quick else ROUNDS).items():
        steps = QUICK_STEPS if context.quick else STEPS[part]
        found[part] = _compare(_measure(context.work, part, parameters, rounds, steps)) | {
            "steps": steps
        }
        more = {name: f"{one['wall']['median']:+.1%}" for name, one in found[part]["more"].items()}
        context.say(f"{part}: {more}")
    return {"parameters": parameters, "parts": found}


def _definition_parameters() -> dict[str, str]:
    """Return the debugging hyperparameters of the Train step, with the settings as they are."""
    argv = [sys.executable, "-m", "pipeline.run", "--definition", "--set", "debugger.mode=embedded"]
    steps = json.loads(_output(argv))["Steps"]
    train = next(step for step in steps if step["Name"] == "Train")
    given: dict[str, str] = train["Arguments"]["HyperParameters"]
    return {name: given[name] for name in ("debug_collections", "debug_rules")}


def _measure(
    work: Path, part: str, parameters: Mapping[str, str], rounds: int, steps: int
) -> dict[str, list[dict[str, float]]]:
    argv = [sys.executable, "-m", "benchmarks.watched_training", "--part", part]
    argv += ["--parameters", json.dumps(parameters), "--rounds", str(rounds), "--steps", str(steps)]
    argv += ["--work", str(work)]
    measured: dict[str, list[dict[str, float]]] = json.loads(_output(argv).splitlines()[-1])
    return measured


def _output(argv: Sequence[str]) -> str:
    code = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    environment = os.environ | {"PYTHONPATH": code, "SMDEBUG_LOG_LEVEL": "error"}
    ended = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    if ended.returncode:
        raise BenchmarkError(f"{' '.join(argv[1:4])} failed:\n{ended.stderr[-2000:]}")
    return ended.stdout


def _compare(measured: Mapping[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return what each way to watch adds to the unwatched training's time: 0.05 is 5 % more.

    `wall` and `cpu` are of whole trainings, round by round; `own` is what the hook, the rules and
    the profiler timed of themselves, against the rest of the same training: a lower bound, as
    calls of the hook in steps that save nothing are not timed.
    """
    off = measured["off"]
    watched = {name: rounds for name, rounds in measured.items() if name != "off"}
    return {
        "seconds": statistics.median(one["wall"] for one in off),
        "more": {
            name: {
                "wall": spread([one["wall"] / off[turn]["wall"] - 1 for turn, one in rounds]),
                "cpu": spread([one["cpu"] / off[turn]["cpu"] - 1 for turn, one in rounds]),
                "own": spread([one["own"] / (one["wall"] - one["own"]) for _, one in rounds]),
            }
            for name, rounds in ((name, list(enumerate(each))) for name, each in watched.items())
        },
    }


def table(result: Mapping[str, Any]) -> str:
    """Format the costs as the table that is printed: a row a part and way to watch."""
    rows = []
    for part, found in result["parts"].items():
        for name, more in found["more"].items():
            wall = more["wall"]
            extent = f"{wall['min']:+.1%} to {wall['max']:+.1%}"
            label = f"{part}, {found['steps']} steps in {found['seconds']:.1f} s: {name}"
            own = f"{more['own']['median']:.1%}"
            rows.append((label, f"{wall['median']:+.1%}", extent, own))
    return text_table(("more than unwatched", "wall", "spread", "timed inside"), rows)
