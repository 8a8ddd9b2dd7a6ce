"""Print plain progress lines to a job's log: how far, how fast, how long still."""

import time
from collections.abc import Callable

from job.log import log


class ProgressLines:
    """Prints `what: 1,200 of 8,400 (430/s, 17 s left)` at most every `every` seconds."""

    def __init__(
        self,
        what: str,
        total: int,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._every, self._clock = what, total, every, clock
        self._done = 0
        self._started = self._printed = clock()

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done, and print a line when one is due."""
        self._done += count
        now = self._clock()
        if now - self._printed >= self._every:
            self._printed = now
            log(self._line(now))

    def finish(self) -> None:
        """Print the last line, with the rate over the whole time."""
        log(self._line(self._clock()))

    def _line(self, now: float) -> str:
        seconds = max(now - self._started, 1e-6)
        rate = self._done / seconds
        left = (self._total - self._done) / rate if rate > 0 else 0.0
        ending = f"{left:.0f} s left" if self._done < self._total else f"{seconds:.0f} s"
        return f"{self._what}: {self._done:,} of {self._total:,} ({rate:,.0f}/s, {ending})"
