"""Track a model server's requests at hand, its answers, and whether it is well.

Used from the server's event loop only, so nothing is locked.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAULTS = 3
STUCK_SECONDS = 60.0  # SageMaker has given up a request by then


class Work:
    """The requests of one model server: those at hand, those done, and what came of them."""

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `capacity` requests at hand at a time; `clock` tells seconds."""
        self._capacity = capacity
        self._clock = clock
        self._numbers = itertools.count()
        self._begun: dict[int, float] = {}
        self._statuses: Counter[int] = Counter()
        self._seconds = 0.0
        self._faults = 0

    @property
    def is_full(self) -> bool:
        """Whether one more request would be more than can be at hand."""
        return len(self._begun) >= self._capacity

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a request as at hand until the context ends."""
        number = next(self._numbers)
        self._begun[number] = self._clock()
        try:
            yield
        finally:
            self._seconds += self._clock() - self._begun.pop(number)

    def answered(self, status: int) -> None:
        """Count an answer; several faults of the model in a row make the server unwell."""
        self._statuses[status] += 1
        if status == 500:
            self._faults += 1
        elif status == 200:
            self._faults = 0

    @property
    def is_well(self) -> bool:
        """Whether the model neither fails on all it is asked nor stays away with an answer."""
        oldest = min(self._begun.values(), default=self._clock())
        return self._faults < FAULTS and self._clock() - oldest < STUCK_SECONDS

    def metrics(self) -> str:
        """Format the requests and the health of the server in Prometheus' text format."""
        lines = ["# TYPE endpoint_requests_total counter"]
        for status, count in sorted(self._statuses.items()):
            lines.append(f'endpoint_requests_total{{status="{status}"}} {count}')
        lines += [
            "# TYPE endpoint_request_seconds_sum counter",
            f"endpoint_request_seconds_sum {self._seconds:.6f}",
            "# TYPE endpoint_requests_at_hand gauge",
            f"endpoint_requests_at_hand {len(self._begun)}",
            "# TYPE endpoint_is_well gauge",
            f"endpoint_is_well {int(self.is_well)}",
        ]
        return "\n".join(lines) + "\n"
