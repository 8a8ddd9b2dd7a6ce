"""Provide growing pauses with jitter, and a clock that tests replace."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Timing:
    """How time passes: `sleep(seconds)`, `now()` in UTC, and `chance()` from 0 to 1 for jitter.

    `seconds()` says how many have passed since some moment, whatever becomes of the clock.
    """

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = _now
    seconds: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def pauses(self, first: float, longest: float, factor: float = 2.0) -> Iterator[float]:
        """Yield seconds to wait, without end: growing to `longest`, each with 20 % of jitter.

        Jitter, so that several watchers do not ask at the same moment.
        """
        seconds = first
        while True:
            yield seconds * (0.8 + 0.4 * self.chance())
            seconds = min(seconds * factor, longest)
