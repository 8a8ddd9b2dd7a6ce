"""Complete our commands in bash and zsh: python -m pipeline.completion."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.command_line.running import parser, run_command
from pipeline.errors import EXIT_SUCCEEDED, UsageError

_EXAMPLES = """\
  eval "$(python -m pipeline completion bash)"              for this shell
  python -m pipeline completion bash > ~/.pipeline.bash     for all: source it in ~/.bashrc
  python -m pipeline completion zsh > ~/.pipeline.zsh       likewise, in ~/.zshrc
  python -m pipeline completion --line "python -m pipeline.registry show "    what could follow"""
_FOLDER = Path(__file__).resolve().parent
SHELLS = ("bash", "zsh")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a shell's script, or what a command line can go on with."""
    options = parsers()[""].parse_args(arguments)
    if options.line is not None:
        from pipeline.completion.candidates import candidates

        print("\n".join(candidates(options.line, options.breaks)))
    elif options.shell is None:
        raise UsageError(f"name the shell: {' or '.join(SHELLS)}")
    else:
        script = _FOLDER / f"pipeline.{options.shell}"
        print(script.read_text(encoding="utf-8"), end="")
    return EXIT_SUCCEEDED


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    text = "Prints the script that completes commands, options and values in a shell."
    result = parser("pipeline.completion", text, _EXAMPLES)
    result.add_argument("shell", nargs="?", choices=SHELLS, help="whose script to print")
    line = "print what can follow it: the scripts ask this"
    result.add_argument("--line", metavar="TEXT", help=line)
    breaks = "with --line: where the shell begins a word within a word"
    result.add_argument("--breaks", default="", metavar="TEXT", help=breaks)
    return {"": result}


if __name__ == "__main__":
    sys.exit(run_command(main))
