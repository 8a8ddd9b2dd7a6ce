"""Find out in half a minute whether a benchmark is broken, on a machine however slow.

Those of SMOKE are run as they are, on few pictures: between them they start a complete run, single
jobs, the usual script and the runner alone. Of all others what they recorded is shown again; that
they run is tested beside the other tests.
"""

import json
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.context import BenchmarkError
from benchmarks.pictures import write_splits

SMOKE = ("training", "overhead")
_CLASSES, _PER_CLASS = 3, 8


def write_few(folder: Path) -> Path:
    """Write as few pictures as a run takes into `folder`; returns `folder`."""
    return write_splits(folder, _CLASSES, _PER_CLASS)


def show(name: str, result: Mapping[str, Any], module: ModuleType, folder: Path) -> None:
    """Print a result's table, and draw its plot into `folder`."""
    if hasattr(module, "table"):
        print(module.table(result))
    if hasattr(module, "plot"):
        module.plot(result, folder / f"{name}.png")


def check_recorded(results: Path) -> None:
    """Show each result in `results` again. Raises BenchmarkError for one that cannot be shown."""
    for path in sorted(results.glob("*.json")):
        name = path.stem.partition("-")[0]
        module = import_module(f"benchmarks.{name}")
        result = json.loads(path.read_text(encoding="utf-8"))
        try:
            with tempfile.TemporaryDirectory() as folder:
                show(path.stem, result, module, Path(folder))
            if hasattr(module, "problems"):
                module.problems(result)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise BenchmarkError(
                f"{path.name} cannot be shown as it was recorded: {why}"
            ) from error
