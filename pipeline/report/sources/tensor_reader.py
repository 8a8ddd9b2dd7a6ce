"""Read what Debugger's hook saved, in a process of its own: smdebug is heavy and loads torch.

    python -m pipeline.report.sections.tensor_reader FOLDER [NAME]

Prints one JSON object: the summary of all tensors that a report shows, or one tensor's values.
"""

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_BUDGET = 512 * 1024**2  # bytes of tensors to read; of more, only every n-th step is read
# smdebug would wait for files of a running training: here what is missing does not come.
_PATIENCE = {"TRAINING_END_DELAY_REFRESH": "0", "MISSING_EVENT_FILE_RETRY_LIMIT": "1"}

JsonSeries = dict[str, Any]


def read_all(folder: Path, budget: int = _BUDGET) -> dict[str, Any]:
    """Read names, gradient norms, update ratios and losses of a trial, about `budget` bytes."""
    trial = _open(folder)
    steps, note = _affordable(folder, trial.steps(), budget)
    weights = sorted({*trial.tensor_names(collection="weights")} - _losses(trial))
    series = {
        "gradient_norms": [_norms(trial, name, steps) for name in _gradients(trial)],
        "update_ratios": [_updates(trial, name, steps) for name in weights],
        "losses": [line for name in sorted(_losses(trial)) for line in _by_mode(trial, name)],
    }
    filled = {kind: [line for line in lines if line["steps"]] for kind, lines in series.items()}
    return {"tensors": _listing(trial), "steps": len(trial.steps()), "note": note, **filled}


def read_one(folder: Path, name: str) -> dict[str, Any]:
    """Read a tensor over its steps: a scalar's value, else mean, extremes and L2 norm."""
    trial = _open(folder)
    if name not in trial.tensor_names():
        return {"tensors": _listing(trial)}
    lines: dict[str, JsonSeries] = {}
    for step in trial.tensor(name).steps():
        mode = trial.mode(step).name
        for label, value in _figures(trial.tensor(name).value(step)).items():
            key = f"{label} ({mode})"
            line = lines.setdefault(key, {"name": key, "steps": [], "values": []})
            line["steps"].append(step)
            line["values"].append(value)
    return {"tensors": _listing(trial), "series": list(lines.values())}


def _open(folder: Path) -> Any:
    from smdebug.trials import create_trial

    return create_trial(str(folder))


def _affordable(folder: Path, steps: Sequence[int], budget: int) -> tuple[list[int], str]:
    """Return the steps to read and a note: all, or evenly spread ones of too large a trial."""
    size = sum(file.stat().st_size for file in (folder / "events").rglob("*") if file.is_file())
    every = math.ceil(size / budget)
    if every <= 1:
        return list(steps), ""
    note = f"{size / 1e9:.1f} GB of tensors were saved: every {every}. saved step is shown"
    return list(steps[::every]), note


def _losses(trial: Any) -> set[str]:
    return set(trial.tensor_names(collection="losses"))


def _gradients(trial: Any) -> list[str]:
    return sorted(trial.tensor_names(collection="gradients"))


def _listing(trial: Any) -> list[dict[str, Any]]:
    collections = {name: set(trial.tensor_names(collection=name)) for name in trial.collections()}
    found = []
    for name in sorted(trial.tensor_names()):
        tensor = trial.tensor(name)
        steps = tensor.steps()
        found.append(
            {
                "name": name,
                "collections": sorted(c for c, names in collections.items() if name in names),
                "steps": len(steps),
                "modes": sorted({trial.mode(step).name for step in steps}),
                "shape": list(tensor.value(steps[0]).shape) if steps else [],
            }
        )
    return found


def _by_mode(trial: Any, name: str) -> Iterator[JsonSeries]:
    tensor = trial.tensor(name)
    for mode in sorted({trial.mode(step).name for step in tensor.steps()}):
        steps = [step for step in tensor.steps() if trial.mode(step).name == mode]
        values = [_mean(tensor.value(step)) for step in steps]
        yield {"name": f"{name} ({mode})", "steps": steps, "values": values}


def _norms(trial: Any, name: str, steps: Sequence[int]) -> JsonSeries:
    tensor = trial.tensor(name)
    there = [step for step in _training(trial, tensor.steps()) if step in set(steps)]
    values = [_norm(tensor.value(step)) for step in there]
    return {"name": name.removeprefix("gradient/"), "steps": there, "values": values}


def _updates(trial: Any, name: str, steps: Sequence[int]) -> JsonSeries:
    """Return a weight's change per training step, relative to its size, at the later saved step."""
    tensor = trial.tensor(name)
    there = [step for step in _training(trial, tensor.steps()) if step in set(steps)]
    line: JsonSeries = {"name": name, "steps": [], "values": []}
    before: tuple[int, Any] | None = None
    for step in there:
        now = (trial.mode_step(step), tensor.value(step))
        if before is not None and now[0] > before[0]:
            size = _norm(before[1])
            change = _norm(now[1] - before[1]) / (now[0] - before[0])
            line["steps"].append(step)
            line["values"].append(change / size if size else math.nan)
        before = now
    return line


def _training(trial: Any, steps: Sequence[int]) -> list[int]:
    return [step for step in steps if trial.mode(step).name in ("TRAIN", "GLOBAL")]


def _figures(value: Any) -> dict[str, float]:
    if value.size == 1:
        return {"value": float(value.reshape(()))}
    figures = {"mean": _mean(value), "L2 norm": _norm(value)}
    return figures | {"min": float(value.min()), "max": float(value.max())}


def _mean(value: Any) -> float:
    return float(value.astype("float64").mean())


def _norm(value: Any) -> float:
    flat = value.astype("float64").ravel()
    return math.sqrt(float(flat @ flat))


def main(arguments: Sequence[str]) -> None:
    """Print as JSON a summary of the tensors in a folder, or one tensor's values: FOLDER [NAME]."""
    sys.modules["torch"] = None  # type: ignore[assignment] # saves 1 s: reading needs no torch
    for name, value in _PATIENCE.items():
        os.environ.setdefault(f"SMDEBUG_{name}", value)
    # All of protobuf that smdebug can be read by (training_code/debugger/smdebug_loading.py).
    os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    folder = Path(arguments[0])
    result = read_one(folder, arguments[1]) if arguments[1:] else read_all(folder)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
