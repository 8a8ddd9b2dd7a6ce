"""Show a run's steps while it works: one live table, or plain lines without a terminal.

The same for local runs and runs on AWS: both report `StepProgress`.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TextIO

from pipeline.command_line.colours import console_on
from pipeline.command_line.time_left import seconds_left, time_left

if TYPE_CHECKING:
    from rich.table import Table

_MARKS = {
    "Waiting": ("·", "dim"),
    "Starting": ("▸", "cyan"),
    "Executing": ("▸", "cyan"),
    "Stopping": ("■", "yellow"),
    "Stopped": ("■", "yellow"),
    "Failed": ("✗", "red"),
    "Succeeded": ("✓", "green"),
    "Skipped": ("-", "dim"),
}
_ENDED = ("Succeeded", "Failed", "Stopped")
_SECONDS_BETWEEN_LINES = 10


@dataclass(frozen=True)
class StepProgress:
    """The state of one step at one moment.

    `status` is SageMaker's StepStatus (Starting, Executing, Stopping, Stopped, Failed, Succeeded),
    or Waiting for a step that has not begun and Skipped for one behind the branch not taken.
    `taken_from`: the run whose results it has, without having run in this one or again.
    `again` is why it does not come from the cache, though it was done before. `progress` says how
    far a step that is executing is.
    """

    name: str
    type: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    metric: str | None = None
    trials_done: int = 0
    trials_total: int = 0
    cached: bool = False
    taken_from: str | None = None
    again: str | None = None
    message: str | None = None
    progress: str | None = None


class Display(Protocol):
    """A view of steps as they change."""

    def update(self, step: StepProgress) -> None:
        """Take the newest state of one step; safe to call from several threads."""


@contextmanager
def display(steps: list[StepProgress], stream: TextIO | None = None) -> Iterator[Display]:
    """Show a live table on a terminal, plain lines elsewhere, for as long as the block runs.

    Without a `stream` it is standard error.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield PlainLines(stream)
        return
    from rich.live import Live

    table = LiveTable(steps)
    with Live(console=console_on(stream), get_renderable=table.render, refresh_per_second=4):
        yield table


class PlainLines:
    """A display that prints one line when a step starts, ends, or has another trial done.

    While it executes and says how far it is, a line every few seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._shown: dict[str, tuple[str, int, str | None]] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def update(self, step: StepProgress) -> None:
        """Print the step unless its last line said the same."""
        with self._lock:
            state = (step.status, step.trials_done, step.again)
            if step.status == "Waiting":
                return
            if self._shown.get(step.name) == state and not self._is_due(step):
                return
            self._shown[step.name], self._last[step.name] = state, self._clock()
            words = [f"{step.name:<16}", f"{step.status:<10}", _seconds(step), _detail(step)]
            print(" ".join(word for word in words if word).rstrip(), file=self._stream, flush=True)

    def _is_due(self, step: StepProgress) -> bool:
        passed = self._clock() - self._last[step.name]
        return bool(step.progress) and passed >= _SECONDS_BETWEEN_LINES


class LiveTable:
    """A display of the steps of a run as a table that rich redraws."""

    def __init__(self, steps: list[StepProgress]) -> None:
        self._steps = {step.name: step for step in steps}
        self._lock = threading.Lock()

    def update(self, step: StepProgress) -> None:
        """Replace the row of that step."""
        with self._lock:
            self._steps[step.name] = step

    def render(self) -> "Table":
        """Build the table as it stands now."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Step", overflow="fold")
        table.add_column("Type", no_wrap=True, style="dim")
        table.add_column("State", no_wrap=True)
        table.add_column("Time", justify="right", no_wrap=True)
        table.add_column("", overflow="fold")
        with self._lock:
            steps = list(self._steps.values())
        for step in steps:
            mark, style = _MARKS.get(step.status, ("?", ""))
            state = Text(f"{mark} {step.status}", style=style)
            table.add_row(Text(step.name), step.type, state, _seconds(step), Text(_detail(step)))
        return table


def show(name: str, value: float) -> str:
    """Format a metric in a few characters, for people."""
    return f"{name} {value:.4g}"


def _seconds(step: StepProgress) -> str:
    if step.started is None or ((step.cached or step.taken_from) and step.status == "Succeeded"):
        return ""
    if step.status == "Starting":
        return ""
    seconds = ((step.ended or datetime.now(UTC)) - step.started).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}m {int(seconds) % 60:02d}s"


def _detail(step: StepProgress) -> str:
    parts = []
    if step.cached:
        parts.append("from the cache")
    if step.taken_from:
        parts.append(f"of run {step.taken_from}")
    if step.again:
        parts.append(f"runs again: {step.again}")
    if step.trials_total:
        parts.append(f"trials {step.trials_done}/{step.trials_total}")
        parts += _trials_left(step)
    if step.progress and step.status == "Executing":
        parts.append(step.progress)
    if step.metric:
        parts.append(step.metric)
    if step.message and step.status in _ENDED:
        parts.append(step.message.splitlines()[0])
    return "  ".join(parts)


def _trials_left(step: StepProgress) -> Iterator[str]:
    if step.started is None or step.status != "Executing":
        return
    passed = (datetime.now(UTC) - step.started).total_seconds()
    left = seconds_left(passed, step.trials_done, step.trials_total)
    if left is not None:
        yield f"about {time_left(left)}"
