"""Check the local state, and repair a damaged one: python -m pipeline.local."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.command_line.documents import json_text, members_of
from pipeline.command_line.running import (
    add_state_option,
    from_here,
    parser,
    run_command,
    with_state,
)
from pipeline.command_line.subcommands import add_command
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, PipelineError, UsageError

_EXAMPLES = """\
  python -m pipeline.local check                  is everything readable that is kept here?
  python -m pipeline.local repair                 save what can be saved into a new file"""
_SHOWN = {"ModelPackage": "versions", "PipelineExecution": "runs", "Endpoint": "endpoints"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run its subcommand."""
    options = parsers()[""].parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.local",
        "Looks after what local runs, models and endpoints are kept in.",
        _EXAMPLES,
    )
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "check", "read all of the local state; exit code 1: something is wrong", _check)
    _add(commands, "repair", "save what can be saved of a damaged state; it is kept aside", _repair)
    return {"": result}


def _add(commands: Any, name: str, text: str, run: Callable[..., int]) -> None:
    add_state_option(add_command(commands, name, text, run, _EXAMPLES))


def _check(options: argparse.Namespace) -> int:
    from pipeline.local.repair import check_state

    found = check_state(_folder(options))
    if options.json:
        print(json_text(found))
    else:
        print(f"{from_here(options.state)}: {_counted(found.counts)}")
        for problem in found.problems:
            print(f"problem: {problem}")
        repair = with_state("python -m pipeline.local repair", options.state)
        print(f"next: {repair}" if found.problems else "no problems")
    return EXIT_FAILED if found.problems else EXIT_SUCCEEDED


def _repair(options: argparse.Namespace) -> int:
    from pipeline.local.repair import check_state, repair_state
    from pipeline.local.service.server import find_service

    folder = _folder(options)
    if url := find_service(folder):
        raise PipelineError(f"the service at {url} works on {folder}: end it first")
    if not check_state(folder).problems:
        nothing = json_text({"repaired": False}) if options.json else None
        print(nothing or "no problems: nothing is changed")
        return EXIT_SUCCEEDED
    done = repair_state(folder)
    if options.json:
        print(json_text({"repaired": True} | members_of(done)))
        return EXIT_SUCCEEDED
    print(f"saved: {_counted(done.counts)}; {done.from_copies} of them from the copies beside")
    for name in done.left_out:
        print(f"left out: {name}")
    if done.aside:
        print(f"the damaged file is in {from_here(done.aside)}")
    listing = with_state("python -m pipeline.registry list", options.state)
    print(f"next: {listing} (an endpoint that is lost: approve its version)")
    return EXIT_SUCCEEDED


def _folder(options: argparse.Namespace) -> Path:
    state: Path = options.state
    if not state.is_dir():
        raise UsageError(f"{state} is no folder: name the one of the runs with --state")
    return state.resolve()


def _counted(counts: Mapping[str, int]) -> str:
    named = [f"{counts.get(kind, 0)} {word}" for kind, word in _SHOWN.items()]
    return f"{', '.join(named)}, {sum(counts.values())} documents in all"


if __name__ == "__main__":
    sys.exit(run_command(main))
