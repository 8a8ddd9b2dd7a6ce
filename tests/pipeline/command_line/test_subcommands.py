"""Tables are coloured on a terminal only, and as the environment asks."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from pipeline.command_line.subcommands import print_table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_and_as_asked(
    stream: io.StringIO,
    variables: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    table = Table(box=None, show_header=False)
    table.add_row(Text("Approved", style="green"))

    print_table(table, stream=stream)

    assert ("\x1b[32m" in stream.getvalue()) == coloured
    assert "Approved" in stream.getvalue()


def test_piped_output_is_not_folded_at_the_width_of_a_terminal() -> None:
    stream = io.StringIO()
    table = Table(box=None, show_header=False)
    table.add_row("x" * 200)
    print_table(table, stream=stream)
    assert "x" * 200 in stream.getvalue()
