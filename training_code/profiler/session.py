"""Profile a training: the parts of its steps, the machine's load, and what to change.

Off, or when something in it fails, it does nothing: training calls it the same way.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from job.log import log
from profiler.findings import Measured, MeasuredPhase
from profiler.report import write_profile
from profiler.steps import CudaClock, HostClock, StepTimer

if TYPE_CHECKING:
    from profiler.system import SystemSampler

FOLDER = "profile"
Batch = TypeVar("Batch")


class Profiler:
    """A profiler that measures while it has a sampler; `hook_seconds` tells what debugging cost."""

    def __init__(
        self,
        sampler: "SystemSampler | None" = None,
        hook_seconds: Callable[[], float] | None = None,
    ) -> None:
        self._sampler = sampler
        self._hook_seconds = hook_seconds
        self._timer: StepTimer | None = None
        self._begun = ("", 0.0, False)
        self._phases: list[MeasuredPhase] = []

    def begin(self, name: str, on_gpu: bool = False) -> None:
        """Begin a phase, whose steps run on the GPU or not."""
        if self._sampler is not None:
            clock = CudaClock() if on_gpu else HostClock()
            self._timer = StepTimer(clock, self._hook_seconds)
            self._begun = (name, time.monotonic() - self._sampler.started, on_gpu)

    def batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the same batches, timing the body of the loop over them as a step."""
        timer = self._timer
        if timer is None:
            yield from batches
            return
        source = iter(batches)
        while True:
            timer.start()
            try:
                batch = next(source)
            except StopIteration:
                timer.flush()
                return
            timer.mark("data")
            yield batch
            timer.mark("other")
            timer.end()

    def marker(self) -> Callable[[str], None]:
        """Return a function that marks the end of a part of a step: one of profiling_steps.PARTS.

        It is good for the phase that has begun.
        """
        return _nothing if self._timer is None else self._timer.mark

    def end(self) -> None:
        """End the phase and keep what was measured in it."""
        timer, (name, start, on_gpu) = self._timer, self._begun
        self._timer = None
        if timer is None or self._sampler is None:
            return
        timer.flush()
        if timer.steps == 0:
            return
        now = time.monotonic() - self._sampler.started
        table = timer.table()
        self._phases.append(
            MeasuredPhase(
                name, timer.steps, timer.seconds(), table, start, now, timer.marks, on_gpu
            )
        )

    def write(self, folder: Path, batch_size: int | None) -> None:
        """End profiling; write profile.json, system.csv and steps.csv into `folder`/profile.

        `batch_size` is None where every step sees all pictures. A phase that has not ended is there
        with the steps that it completed. A failure costs one line in the log.
        """
        sampler = self._sampler
        if sampler is None:
            return
        try:
            sampler.stop()
            self.end()
            if sampler.lost is not None:
                raise sampler.lost
            cores = len(os.sched_getaffinity(0))
            measured = Measured(self._phases, sampler.samples, batch_size, cores)
            write_profile(folder / FOLDER, measured, sampler.interval_s, sampler.cost_seconds)
        except Exception as error:  # a full disk, say: the training is what counts
            log(f"warning: no profile: {type(error).__name__}: {error}")
        finally:
            self._sampler = None


def _nothing(part: str) -> None:
    """Do nothing: no profile is wanted."""


def open_profiler(on: bool, hook_seconds: Callable[[], float] | None = None) -> Profiler:
    """Start a profiler that measures from now on, or return one that does nothing."""
    if not on:
        return Profiler()
    try:
        from profiler.gpu import open_gpu  # noqa: PLC0415 - only when it is on
        from profiler.system import SystemSampler  # noqa: PLC0415

        sampler = SystemSampler(open_gpu())
        sampler.start()
    except Exception as error:  # missing package, unreadable counters
        log(f"warning: profiling is off: {type(error).__name__}: {error}")
        return Profiler()
    return Profiler(sampler, hook_seconds)
