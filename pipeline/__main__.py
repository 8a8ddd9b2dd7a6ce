"""List the commands, or do one of them: python -m pipeline."""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence

from pipeline.command_line.commands import commands
from pipeline.command_line.running import parser, run_command
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.suggestions import suggest

_EXAMPLES = """\
  python -m pipeline run --local          the same as python -m pipeline.run --local
  python -m pipeline registry --help      what a command can do, with examples
  eval "$(python -m pipeline completion bash)\""""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the command that the first word names; without one, list them all."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-"):
        return _command(given[0])(given[1:])
    own = parsers()[""]
    own.parse_args(given)
    own.print_help()
    return EXIT_SUCCEEDED


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    listed = "\n".join(f"  {one.name:<12} {one.about}" for one in commands())
    text = f"Image classification, on this machine and on SageMaker.\n\ncommands:\n{listed}"
    result = parser("pipeline", text, _EXAMPLES)
    result.usage = "python -m pipeline [-h] [--version] [COMMAND ...]"
    return {"": result}


def _command(name: str) -> Callable[[Sequence[str]], int]:
    names = [one.name for one in commands()]
    if name not in names:
        raise UsageError(f"there is no command {name!r}; {suggest(name, names)}")
    main_of: Callable[[Sequence[str]], int]
    main_of = importlib.import_module(f"pipeline.{name}.__main__").main
    return main_of


if __name__ == "__main__":
    sys.exit(run_command(main))
