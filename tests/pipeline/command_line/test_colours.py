"""What is printed is coloured on a terminal only, and as the option or the environment asks."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from pipeline.command_line.running import parser
from pipeline.command_line.subcommands import print_table
from tests.pipeline.command_line.test_grammar import NAMES, parsers_of


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "given", "variables", "coloured"),
    [
        (Terminal(), "auto", {}, True),
        (Terminal(), "auto", {"NO_COLOR": "1"}, False),
        (Terminal(), "always", {"NO_COLOR": "1"}, True),
        (Terminal(), "never", {"FORCE_COLOR": "1"}, False),
        (io.StringIO(), "auto", {}, False),
        (io.StringIO(), "auto", {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), "auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (io.StringIO(), "always", {"TERM": "dumb"}, True),
        (io.StringIO(), "never", {}, False),
    ],
)
def test_colours_are_for_terminals_and_as_asked(
    stream: io.StringIO,
    given: str,
    variables: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "")  # so that what the option does is undone
        monkeypatch.delenv(name)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    table = Table("State", box=None, header_style="bold")
    table.add_row(Text("Approved", style="green"))

    parser("pipeline.none", "", "").parse_args(["--color", given])
    print_table(table, stream=stream)

    assert ("\x1b[32m" in stream.getvalue()) == coloured
    assert ("\x1b" in stream.getvalue()) == coloured  # bold letters are none either
    assert "Approved" in stream.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_can_be_asked(name: str) -> None:
    assert all("--color" in parser._option_string_actions for parser in parsers_of(name))
