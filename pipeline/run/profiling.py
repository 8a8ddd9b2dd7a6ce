"""Record where the seconds of a local run go, and how many cores work meanwhile."""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from pipeline.command_line.step_table import StepProgress
from pipeline.run.run_profile import ProfiledPart, RunProfile

_SAMPLE_S = 0.2
Reading = tuple[float, float]  # seconds since the epoch, CPU seconds of all processes until then


@dataclass(frozen=True)
class _Span:
    name: str
    began: float
    ended: float


class Recorder:
    """Record the parts of a run as they pass, and the CPU time of the command and its children."""

    def __init__(
        self,
        started: float | None = None,
        clock: Callable[[], float] = time.time,
        cpu: Callable[[], float] | None = None,
    ) -> None:
        """Count from `started`, which is when this process was; its imports are the first part."""
        self._start = psutil.Process().create_time() if started is None else started
        self._clock = clock
        self._cpu = cpu or _cpu_seconds
        self._readings: list[Reading] = [(self._start, 0.0)]
        self._spans = [_Span("start", self._start, clock())]
        self._end = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Read the CPU time again and again while the block runs."""
        reader = threading.Thread(target=self._read_on, name="profile", daemon=True)
        reader.start()
        try:
            yield
        finally:
            self._end.set()
            reader.join()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Record a block as a part of the run, however it ends."""
        began = self._clock()
        try:
            yield
        finally:
            self._add(_Span(name, began, self._clock()))

    def hearing(self, listener: Callable[[StepProgress], None]) -> Callable[[StepProgress], None]:
        """Return a listener that records each step's time, and then tells the other."""

        def hear(step: StepProgress) -> None:
            if step.started and step.ended and step.status != "Skipped":
                began, ended = step.started.timestamp(), step.ended.timestamp()
                name = f"{step.name} (cached)" if step.cached else step.name
                self._add(_Span(name, began, ended))
            listener(step)

        return hear

    def profile(self) -> RunProfile:
        """Sum up what was recorded."""
        end, total = self._readings[-1]
        seconds, cores = end - self._start, psutil.cpu_count() or 1
        spans = sorted(set(self._spans), key=lambda span: (span.began, span.ended))
        return RunProfile(
            seconds=seconds,
            cores=cores,
            cpu_seconds=total,
            waiting=_uncovered(spans, self._start, end),
            used=total / (seconds * cores),
            parts=tuple(self._summed(span) for span in spans),
        )

    def _summed(self, span: _Span) -> ProfiledPart:
        cpu = _at(self._readings, span.ended) - _at(self._readings, span.began)
        return ProfiledPart(span.name, span.began - self._start, span.ended - span.began, cpu)

    def _add(self, span: _Span) -> None:
        with self._lock:
            self._spans.append(span)

    def read(self) -> None:
        """Read the CPU time now."""
        used = max(
            self._cpu(), self._readings[-1][1]
        )  # a child that died unseen takes its own away
        self._readings.append((self._clock(), used))

    def _read_on(self) -> None:
        while not self._end.wait(_SAMPLE_S):
            self.read()
        self.read()


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and all below it, also of those that have ended."""
    own = psutil.Process()
    used = 0.0
    for process in [own, *own.children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def _at(readings: Sequence[Reading], moment: float) -> float:
    """Interpolate the CPU seconds at a moment."""
    place = bisect_left(readings, (moment, 0.0))
    if place == 0:
        return readings[0][1]
    if place == len(readings):
        return readings[-1][1]
    (before, low), (after, high) = readings[place - 1 : place + 1]
    return low + (high - low) * (moment - before) / (after - before)


def _uncovered(spans: Sequence[_Span], start: float, end: float) -> float:
    """Return the seconds between start and end that no span has; spans are sorted."""
    free, reached = 0.0, start
    for span in spans:
        free += max(0.0, span.began - reached)
        reached = max(reached, span.ended)
    return free + max(0.0, end - reached)
