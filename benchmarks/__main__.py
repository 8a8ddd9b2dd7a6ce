"""Measure this project against the usual way, and write the results: python -m benchmarks.

A benchmark is a module beside this one with `run(context) -> dict`: plain values for JSON. It may
have `table(result) -> str`, what to print, `plot(result, path)`, which draws a PNG,
`problems(result) -> list[str]`, lines that make the command fail once the result is written, and
`result_name(context) -> str`, where each data set has a result of its own.
"""

import argparse
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks.context import BenchmarkError, Context
from benchmarks.machine import describe_machine
from benchmarks.pictures import write_splits
from benchmarks.smoke import SMOKE, check_recorded, show, write_few
from pipeline.command_line.running import ROOT, default_state, parser
from pipeline.command_line.subcommands import positive_number

BENCHMARKS = (
    "training",
    "accuracy",
    "growth",
    "overhead",
    "debugging",
    "serving",
    "overload",
    "chaos",
    "better",
    "knowing",
)
_FOLDER = Path(__file__).resolve().parent
RESULTS = _FOLDER / "results"
_EXAMPLES = """\
  python -m benchmarks --quick
  python -m benchmarks --smoke
  python -m benchmarks serving --data ~/dogs --weights ~/weights
  python -m benchmarks chaos --kills 20"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line names; 1 when one could not be run."""
    options = _parser().parse_args(arguments)
    every = SMOKE if options.smoke else [name for name in BENCHMARKS if _has(name)]
    try:
        if options.smoke:
            check_recorded(RESULTS)
        for name in options.names or every:
            _run(name, options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(name: str, options: argparse.Namespace) -> None:
    module = _module(name)
    state = default_state()  # the disk that local runs write to
    state.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"benchmark-{name}-", dir=state))
    try:
        pictures = write_few if options.smoke else write_splits
        data = options.data or pictures(work / "data")
        cache = options.cache or work / "cache"
        quick = options.quick or options.smoke
        context = Context(
            data.resolve(), options.weights, work, quick, cache, options.kills, options.smoke
        )
        result = {"machine": describe_machine(), "quick": quick, **module.run(context)}
        if hasattr(module, "result_name"):
            name = module.result_name(context)
        if options.smoke:  # nothing is kept, and nothing asked of so few pictures
            show(name, result, module, work)
            return
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(name, result, module, options.out or _default_out(options.quick))


def _write(name: str, result: dict[str, object], module: ModuleType, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    show(name, result, module, folder)
    print(f"{name}: {path}", file=sys.stderr)
    if problems := module.problems(result) if hasattr(module, "problems") else []:
        raise BenchmarkError(f"{name}:\n" + "\n".join(problems))


def _default_out(quick: bool) -> Path:
    """Return the folder for results; quick ones are not kept in the repository."""
    return ROOT / ".local" / "benchmarks" if quick else RESULTS


def _has(name: str) -> bool:
    return (_FOLDER / f"{name}.py").is_file()


def _module(name: str) -> ModuleType:
    if not _has(name):
        raise BenchmarkError(f"there is no benchmark benchmarks/{name}.py")
    return importlib.import_module(f"benchmarks.{name}")


def _parser() -> argparse.ArgumentParser:
    result = parser("benchmarks", "Measures this project against the usual way.", _EXAMPLES)
    choice = f"default: all of {', '.join(BENCHMARKS)}"
    result.add_argument("names", nargs="*", metavar="NAME", help=choice)
    result.add_argument("--quick", action="store_true", help="small sizes: does it still work?")
    smoke = "only some, in half a minute, keeping nothing: is any of them broken?"
    result.add_argument("--smoke", action="store_true", help=smoke)
    result.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with train/, valid/ and test/ (default: a generated sample)",
    )
    weights = "folder of pretrained weights, <backbone>….pth (default: random weights)"
    result.add_argument("--weights", type=Path, metavar="DIR", help=weights)
    cache = "folder to keep what stays valid from run to run (default: nothing is kept)"
    result.add_argument("--cache", type=Path, metavar="DIR", help=cache)
    kills = "of chaos (default: 100, with --quick 5)"
    result.add_argument("--kills", type=positive_number, metavar="N", help=kills)
    out = "folder of the results (default: benchmarks/results)"
    result.add_argument("--out", type=Path, metavar="DIR", help=out)
    return result


if __name__ == "__main__":
    sys.exit(main())
