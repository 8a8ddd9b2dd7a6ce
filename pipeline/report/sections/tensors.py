"""Find and read the tensors that a training saved."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.command_line.running import ROOT
from pipeline.report.section import Section
from pipeline.report.sources.facts import Description
from pipeline.report.sources.source import Absent, Source

EMBEDDED = "debug"
_LIMIT_S = 600
_INSTALL = "pip install --no-deps -r training_code/requirements-debugger.txt"


@dataclass(frozen=True)
class Series:
    """Values (same length as steps) of one tensor or layer over the saved training steps."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Tensors:
    """Tensors that Debugger's hook saved: `source` is where, `names` how many there are.

    `gradient_norms`: L2 norm of each parameter's gradient. `update_ratios`: L2 norm of a
    weight's change between two saved steps / (the weight's norm * training steps between them).
    `losses`: a series per loss and mode (TRAIN, EVAL). Steps are counted over all modes, as the
    rules count them; values may be inf or nan. `note`: what was left out, "" when nothing was.
    """

    source: str
    names: int
    steps: int
    gradient_norms: tuple[Series, ...] = ()
    update_ratios: tuple[Series, ...] = ()
    losses: tuple[Series, ...] = ()
    note: str = ""


def find_tensors(source: Source, job: Description, output: Path | None) -> tuple[Path, str]:
    """Return the local folder of a training's tensors and its name for people. Raises Absent."""
    if hook := job.get("DebugHookConfig"):
        uri = f"{hook['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/debug-output"
        folder, name = source.folder(uri), uri
    elif output and (output / EMBEDDED).is_dir():
        folder, name = output / EMBEDDED, f"{EMBEDDED}/ in the training's output"
    else:
        raise Absent("no tensors were saved (debugger.mode)")
    if not any(folder.glob("collections/*/*_collections.json")):  # smdebug would wait for them
        raise Absent(f"no tensors were saved in {name}")
    return folder, name


def read_tensors(source: Source, job: Description, output: Path | None) -> Tensors:
    """Read gradient norms, update ratios and losses of a training. Raises Absent."""
    folder, name = find_tensors(source, job, output)
    found = read_saved(folder)
    return Tensors(
        source=name,
        names=len(found["tensors"]),
        steps=found["steps"],
        gradient_norms=series_of(found["gradient_norms"]),
        update_ratios=series_of(found["update_ratios"]),
        losses=series_of(found["losses"]),
        note=found["note"],
    )


def read_saved(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Return what `tensor_reader` prints of a folder, or of one tensor in it. Raises Absent."""
    argv = [sys.executable, "-m", "pipeline.report.sources.tensor_reader", str(folder.resolve())]
    argv += [name] if name else []
    try:
        done = subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise Absent(f"reading the tensors took more than {_LIMIT_S} s") from error
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    if "No module named 'smdebug'" in done.stderr:
        raise Absent(f"smdebug is not installed: {_INSTALL}")
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    raise Absent(f"the tensors in {folder} cannot be read: {last}")


def series_of(lines: Sequence[Mapping[str, Any]]) -> tuple[Series, ...]:
    """Convert JSON objects to Series."""
    return tuple(
        Series(line["name"], tuple(line["steps"]), tuple(map(float, line["values"])))
        for line in lines
    )


SECTION = Section(
    name="tensors",
    title="Gradients and updates",
    place=60,
    turn=70,
    of_training=True,
    read=lambda run: read_tensors(run.source, run.job, run.output),
)
