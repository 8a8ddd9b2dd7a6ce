"""Add subcommands, their number types and tables, for the commands that have them."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.command_line.colours import add_color_option, console_on
from pipeline.command_line.running import EXIT_CODES, add_json_option
from pipeline.given import whole_number

if TYPE_CHECKING:
    from rich.table import Table


def add_command(
    commands: Any, name: str, text: str, run: Callable[..., Any], examples: str
) -> argparse.ArgumentParser:
    """Add one subcommand with --json; its help shows those of the examples that call it."""
    own = "\n".join(line for line in examples.splitlines() if f" {name}" in line)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"examples:\n{own}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    add_color_option(command)
    add_json_option(command)
    return command


def positive_number(text: str) -> int:
    """Parse a whole number of 1 or more, for argparse."""
    return _number(text, 1)


def natural_number(text: str) -> int:
    """Parse a whole number of 0 or more, for argparse."""
    return _number(text, 0)


def port_number(text: str) -> int:
    """Parse a TCP port, for argparse; 0 stands for any free one."""
    number = _number(text, 0)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 0 to 65535")
    return number


def _number(text: str, least: int) -> int:
    try:
        number = whole_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is not {least} or more")
    return number


def print_table(table: "Table", width: int = 240, stream: TextIO | None = None) -> None:
    """Print a table; piped output is for programs and not folded at 80 columns.

    Without a `stream` to standard output.
    """
    stream = stream or sys.stdout
    console_on(stream, None if stream.isatty() else width).print(table, highlight=False)
