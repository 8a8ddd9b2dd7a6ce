"""Measure an endpoint: how long answers take, and how many come a second, at each concurrency.

The load is closed: so many askers, each with its next picture as soon as it has an answer. Times
are from the request to the whole answer, as a boto3 client sees them.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.endpoint.predictions import Invoke

OK = 200
NO_ANSWER = 0
_WARM_UP_REQUESTS = 3

Picture = tuple[bytes, str]


@dataclass(frozen=True)
class Level:
    """A measurement with so many askers; times in milliseconds, of good answers only.

    `statuses` counts the answers by HTTP status; 0 stands for no answer at all. `per_second` is
    good answers a second.
    """

    concurrency: int
    seconds: float
    requests: int
    statuses: Mapping[int, int]
    per_second: float
    p50: float | None
    p95: float | None
    p99: float | None
    slowest: float | None

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.requests - self.statuses.get(OK, 0)


@dataclass
class _Tally:
    """The deadline, counts and times that the askers share."""

    clock: Callable[[], float]
    deadline: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    asked: int = 0

    def next_place(self) -> int | None:
        """Return the number of the next request; None when time is up, but at least one is made."""
        with self.lock:
            if self.asked and self.clock() >= self.deadline:
                return None
            self.asked += 1
            return self.asked - 1

    def add(self, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            if status == OK:
                self.times.append(seconds)


def measure(
    invoke: Invoke,
    pictures: Sequence[Picture],
    levels: Sequence[int],
    seconds: float,
    on_level: Callable[[Level], None] = lambda _: None,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Level]:
    """Ask about the pictures in turn for `seconds` at every concurrency of `levels`.

    The endpoint is asked a few times before, so that its first slow answers do not count.
    """
    for place in range(_WARM_UP_REQUESTS):
        _ask(invoke, pictures[place % len(pictures)])
    found = []
    for concurrency in levels:
        level = _measure_level(invoke, pictures, concurrency, seconds, clock)
        on_level(level)
        found.append(level)
    return found


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of the ordered values do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _measure_level(
    invoke: Invoke,
    pictures: Sequence[Picture],
    concurrency: int,
    seconds: float,
    clock: Callable[[], float],
) -> Level:
    start = clock()
    tally = _Tally(clock, start + seconds)

    def run() -> None:
        while (place := tally.next_place()) is not None:
            asked = clock()
            status = _ask(invoke, pictures[place % len(pictures)])
            tally.add(status, clock() - asked)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _summarise(tally, concurrency, clock() - start)


def _summarise(tally: _Tally, concurrency: int, seconds: float) -> Level:
    times = sorted(1000 * value for value in tally.times)
    return Level(
        concurrency=concurrency,
        seconds=seconds,
        requests=sum(tally.statuses.values()),
        statuses=dict(sorted(tally.statuses.items())),
        per_second=len(times) / seconds,
        p50=percentile(times, 0.5),
        p95=percentile(times, 0.95),
        p99=percentile(times, 0.99),
        slowest=times[-1] if times else None,
    )


def _ask(invoke: Invoke, picture: Picture) -> int:
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        return invoke(*picture)[0]
    except ClientError as error:
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", NO_ANSWER))
    except (BotoCoreError, HTTPError):
        return NO_ANSWER
