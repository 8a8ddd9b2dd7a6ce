"""Measure where training steps spend their time: marks between parts, read from one clock."""

from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

PARTS = ("data", "transfer", "forward", "backward", "optimizer", "hook", "other")
_KEPT_STEPS = 500_000  # single steps in memory (16 MB); sums go on after that
_UNREAD_STEPS = 256  # steps that are read together: on a GPU they must have happened
_START = -1  # instead of a part, where a step starts


class Clock(Protocol):
    """A clock that takes moments and tells the seconds between them."""

    def now(self) -> Any:
        """Take the present moment."""

    def between(self, moments: Sequence[Any]) -> Sequence[float] | NDArray[np.float64]:
        """Return the seconds from each moment to the next; wait until all of them are known."""


class HostClock:
    """The CPU's clock."""

    now = staticmethod(perf_counter)

    @staticmethod
    def between(moments: Sequence[float]) -> NDArray[np.float64]:
        """Return the seconds from each moment to the next."""
        return np.diff(moments)


class CudaClock:
    """The GPU's clock, for moments in its queue of work: the CPU is long ahead of it."""

    @staticmethod
    def now() -> Any:
        """Record a moment in the GPU's queue of work."""
        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    @staticmethod
    def between(moments: Sequence[Any]) -> list[float]:
        """Return the seconds from each moment to the next."""
        moments[-1].synchronize()
        return [float(start.elapsed_time(end)) / 1000 for start, end in pairwise(moments)]


class StepTimer:
    """A timer of each part of each step of one phase, in seconds.

    `hook_seconds` tells what debugging has cost so far: that time is taken out of the part in
    which it was spent; None where there is none. Clocks are only read here; what they say is added
    up later, in batches.
    """

    def __init__(self, clock: Clock, hook_seconds: Callable[[], float] | None = None) -> None:
        self.steps = 0
        self.marks = 0
        self._now = clock.now
        self._between = clock.between
        self._hook_seconds = hook_seconds
        self._sums = np.zeros(len(PARTS))
        self._kept: list[NDArray[np.float32]] = [np.empty((0, len(PARTS)), dtype=np.float32)]
        self._unread: list[list[Any]] = []
        self._step: list[Any] = []  # part, moment, the hook's seconds, and again

    def start(self) -> None:
        """Begin a step."""
        self._step = [_START, self._now(), self._hook_seconds() if self._hook_seconds else 0.0]

    def mark(self, part: str) -> None:
        """Count the time since the mark before as this part."""
        hook = self._hook_seconds() if self._hook_seconds else 0.0
        self._step += (_INDEX[part], self._now(), hook)

    def end(self) -> None:
        """Complete the step."""
        self._unread.append(self._step)
        if len(self._unread) >= 2 * _UNREAD_STEPS:  # the older ones have long happened
            self._read(_UNREAD_STEPS)

    def flush(self) -> None:
        """Add up what is left of the steps that are complete."""
        self._read(len(self._unread))

    def seconds(self) -> dict[str, float]:
        """Return the sum of each part over all steps."""
        return dict(zip(PARTS, self._sums.tolist(), strict=True))

    def table(self) -> NDArray[np.float32]:
        """Return seconds of the first half a million steps: (steps, parts), columns as in PARTS."""
        return np.concatenate(self._kept)

    def _read(self, count: int) -> None:
        if not count:
            return
        flat = list(chain.from_iterable(self._unread[:count]))
        del self._unread[:count]
        parts = np.array(flat[::3])
        table = np.zeros((count, len(PARTS)))
        is_part = parts[1:] != _START  # between two steps nothing is measured
        rows = np.cumsum(parts == _START)[1:][is_part] - 1
        hook = np.diff(flat[2::3])[is_part]
        others = np.maximum(0, np.asarray(self._between(flat[1::3]))[is_part] - hook)
        np.add.at(table, (rows, parts[1:][is_part]), others)
        np.add.at(table, (rows, _INDEX["hook"]), hook)
        self._sums += table.sum(axis=0)
        self._kept.append(table[: max(0, _KEPT_STEPS - self.steps)].astype(np.float32))
        self.steps += count
        self.marks += len(parts)


_INDEX = {name: number for number, name in enumerate(PARTS)}


def step_percentiles(table: NDArray[np.float32]) -> dict[str, float]:
    """Return percentiles of whole steps in seconds, of a table (steps, parts); {} without steps."""
    if not len(table):
        return {}
    whole = table.sum(axis=1)
    values = np.percentile(whole, [50, 95, 99, 100])
    return {n: float(v) for n, v in zip(("p50", "p95", "p99", "max"), values, strict=True)}


def seconds_per_mark(repeats: int = 200) -> float:
    """Measure what one reading of the clock costs on this machine, adding up included."""
    timer = StepTimer(HostClock())
    begin = perf_counter()
    for _ in range(repeats):
        timer.start()
        for part in PARTS[1:]:
            timer.mark(part)
        timer.end()
    timer.flush()
    return (perf_counter() - begin) / (repeats * len(PARTS))
