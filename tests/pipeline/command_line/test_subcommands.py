"""Piped tables are for programs: nothing in them is folded."""

import io

from rich.table import Table

from pipeline.command_line.subcommands import print_table


def test_piped_output_is_not_folded_at_the_width_of_a_terminal() -> None:
    stream = io.StringIO()
    table = Table(box=None, show_header=False)
    table.add_row("x" * 200)
    print_table(table, stream=stream)
    assert "x" * 200 in stream.getvalue()
