"""Where the time of training steps goes: marks between a step's parts, read from one clock."""

from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

PARTS = ("data", "transfer", "forward", "backward", "optimizer", "hook", "other")
_KEPT_STEPS = 500_000  # single steps in memory (16 MB); sums go on after that
_UNREAD_STEPS = 256  # GPU steps whose events are read together


class Clock(Protocol):
    """Takes the time now, and tells how much passed between two such times."""

    def now(self) -> Any:
        """The present moment."""

    def seconds(self, start: Any, end: Any) -> float:
        """From one moment to a later one; waits until the later one is known."""


class HostClock:
    """The processor's own time."""

    now = staticmethod(perf_counter)

    @staticmethod
    def seconds(start: float, end: float) -> float:
        """From one moment to a later one."""
        return end - start


class CudaClock:
    """The time at which the GPU gets there: work is queued, so the processor is long ahead."""

    @staticmethod
    def now() -> Any:
        """A moment in the GPU's queue of work."""
        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    @staticmethod
    def seconds(start: Any, end: Any) -> float:
        """From one moment to a later one."""
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000


class StepTimer:
    """Seconds of each part of each step of one phase.

    `hook_seconds` tells what debugging has cost so far: that time is taken out of the part in
    which it was spent. Clocks are only read here; what they say is added up later, in batches.
    """

    def __init__(self, clock: Clock, hook_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self.steps = 0
        self.marks = 0
        self._clock = clock
        self._hook_seconds = hook_seconds
        self._sums = [0.0] * len(PARTS)
        self._kept = [array("f") for _ in PARTS]
        self._unread: list[list[tuple[int, Any, float]]] = []
        self._step: list[tuple[int, Any, float]] = []

    def start(self) -> None:
        """A step begins."""
        self._step = [(-1, self._clock.now(), self._hook_seconds())]

    def mark(self, part: str) -> None:
        """What passed since the mark before was this part."""
        self._step.append((_INDEX[part], self._clock.now(), self._hook_seconds()))

    def end(self) -> None:
        """The step is complete."""
        self._unread.append(self._step)
        if len(self._unread) >= 2 * _UNREAD_STEPS:  # the older ones have long happened
            self._read(_UNREAD_STEPS)

    def flush(self) -> None:
        """Reads what is left of the steps that are complete."""
        self._read(len(self._unread))

    def seconds(self) -> dict[str, float]:
        """The sum of each part over all steps."""
        return dict(zip(PARTS, self._sums, strict=True))

    def table(self) -> NDArray[np.float32]:
        """Seconds of the first half a million steps: (steps, parts), columns as in PARTS."""
        return np.stack([np.frombuffer(each, dtype=np.float32) for each in self._kept], axis=1)

    def _read(self, count: int) -> None:
        for step in self._unread[:count]:
            self._add(self._split(step))
        del self._unread[:count]

    def _split(self, step: Sequence[tuple[int, Any, float]]) -> list[float]:
        parts = [0.0] * len(PARTS)
        for (_, start, hook_start), (part, end, hook_end) in pairwise(step):
            hook = hook_end - hook_start
            parts[part] += max(0.0, self._clock.seconds(start, end) - hook)
            parts[_INDEX["hook"]] += hook
        return parts

    def _add(self, parts: Sequence[float]) -> None:
        self.steps += 1
        self.marks += len(PARTS)
        for number, value in enumerate(parts):
            self._sums[number] += value
            if self.steps <= _KEPT_STEPS:
                self._kept[number].append(value)


_INDEX = {name: number for number, name in enumerate(PARTS)}


def step_percentiles(table: NDArray[np.float32]) -> dict[str, float]:
    """Percentiles of whole steps in seconds, of a table (steps, parts); {} without steps."""
    if not len(table):
        return {}
    whole = table.sum(axis=1)
    values = np.percentile(whole, [50, 95, 99, 100])
    return {n: float(v) for n, v in zip(("p50", "p95", "p99", "max"), values, strict=True)}


def seconds_of_a_mark(repeats: int = 200) -> float:
    """What one reading of the clock costs on this machine, adding up included."""
    timer = StepTimer(HostClock())
    begin = perf_counter()
    for _ in range(repeats):
        timer.start()
        for part in PARTS[1:]:
            timer.mark(part)
        timer.end()
    timer.flush()
    return (perf_counter() - begin) / (repeats * len(PARTS))
