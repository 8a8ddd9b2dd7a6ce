"""Show how far a long task is: a bar on a terminal, a line every few seconds elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from pipeline.command_line.colours import console_on
from pipeline.command_line.time_left import seconds_left, time_left

Advance = Callable[[int], None]

_UNITS = ("B", "kB", "MB", "GB", "TB")
_SECONDS_BETWEEN_LINES = 10


class Progress:
    """A display of a transfer's stages on a stream, one after the other."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    @contextmanager
    def stage(self, label: str, total: int | None, unit: "Unit | None" = None) -> Iterator[Advance]:
        """Show a stage of `total` bytes (None: not known). Call what it yields with bytes done.

        With a `unit`, of `total` of these. Safe to call from several threads.
        """
        unit = unit or BYTES
        if self._stream.isatty():
            with self._bar(label, total, unit) as advance:
                yield advance
        else:
            self.say(f"{label} ..." if total is None else f"{label}: {unit.text(total)}")
            yield _Lines(self.say, label, total, self._clock, unit).advance

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, file=self._stream, flush=True)

    @contextmanager
    def _bar(self, label: str, total: int | None, unit: "Unit") -> Iterator[Advance]:
        from rich import progress

        of_bytes = (progress.DownloadColumn(), progress.TransferSpeedColumn())
        counted = (progress.MofNCompleteColumn(), progress.TextColumn(unit.name))
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            *(of_bytes if unit is BYTES else counted),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=console_on(self._stream)) as bars:
            task = bars.add_task(label, total=total)
            yield lambda count: bars.advance(task, count)


@dataclass(frozen=True)
class Unit:
    """What a stage counts: its name, and how so many of it are written."""

    name: str
    text: Callable[[float], str]


class _Lines:
    def __init__(
        self,
        say: Callable[[str], None],
        label: str,
        total: int | None,
        clock: Callable[[], float],
        unit: "Unit",
    ) -> None:
        self._say = say
        self._unit = unit
        self._began = clock()
        self._label = label
        self._total = total
        self._clock = clock
        self._last = clock()
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._last < _SECONDS_BETWEEN_LINES:
                return
            self._last = now
            share = f" ({100 * self._done // self._total} %)" if self._total else ""
            self._say(f"{self._label}: {self._unit.text(self._done)}{share}{self._left(now)}")

    def _left(self, now: float) -> str:
        """Say how long the rest takes, if it goes on as so far."""
        left = seconds_left(now - self._began, self._done, self._total or 0)
        return "" if left is None else f", {time_left(left)}"


def human_size(count: float) -> str:
    """Format a number of bytes for people, as in 1.1 GB."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power else f"{count:.0f} B"


BYTES = Unit("bytes", human_size)
LEVELS = Unit("levels", lambda count: f"{count:.0f} level{'' if count == 1 else 's'}")
PICTURES = Unit("pictures", lambda count: f"{count:,.0f} pictures")
