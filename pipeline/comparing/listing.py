"""Show a list to people: as a table, and in a narrow terminal with a line below each row."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.comparing.differences import NOT_KNOWN

_UNBOUND = 10_000  # columns
_INDENT = (0, 0, 0, 4)


class Listing(Table):
    """A table that puts all but its first columns below each row where a terminal is too narrow.

    What is piped stays a table: its lines are for programs.
    """

    def __init__(
        self, first: Sequence[str], others: Sequence[str], rows: Sequence[Sequence[Text]]
    ) -> None:
        super().__init__(box=None, pad_edge=False, header_style="bold")
        for name in (*first, *others):
            self.add_column(name, overflow="fold")
        for row in rows:
            self.add_row(*row)
        self._first, self._others, self._shown = first, others, rows

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Yield the table, or its rows one by one."""
        unbound = options.update(width=_UNBOUND, max_width=_UNBOUND)
        fits = Measurement.get(console, unbound, self).maximum <= options.max_width
        if fits or not console.is_terminal:
            yield from super().__rich_console__(console, options)  # type: ignore[misc]
        else:
            yield from self._lines()

    def _lines(self) -> Iterator[RenderableType]:
        count = len(self._first)
        heading = [Text(name, "bold") for name in self._first]
        starts = [heading, *(list(row[:count]) for row in self._shown)]
        widths = [max(cell.cell_len for cell in column) for column in zip(*starts, strict=True)]
        yield _aligned(heading, widths)
        for start, row in zip(starts[1:], self._shown, strict=True):
            yield _aligned(start, widths)
            told = [
                f"{name[:1].lower()}{name[1:]} {cell.plain}"
                for name, cell in zip(self._others, row[count:], strict=True)
                if cell.plain not in ("", NOT_KNOWN)
            ]
            yield Padding(Text(", ".join(told)), _INDENT)


def _aligned(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    padded = [cell.copy() for cell in cells]
    for cell, width in zip(padded, widths, strict=True):
        cell.align("left", width)
    return Text("  ").join(padded)
