"""Send twice as many requests as the endpoint can answer: wrong answers, crashes, memory.

The load is open: requests come at a fixed rate, whether or not earlier ones are answered, as they
do on the internet. Every good answer is compared with the answer to the same picture alone.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from benchmarks.serving import JPEG, asker, build_models, large_pictures, summarise
from pipeline.endpoint.bench import measure
from pipeline.local.service.hosting.model_process import ModelServer, start_model_server

BACKBONE = "mobilenet_v2"
TIMES_CAPACITY = 2
TOLERANCE = 1e-4  # of probabilities: a batch of another size adds up in another order
GOOD, WRONG, REFUSED, BAD, LOST = (
    "answered rightly",
    "answered wrongly",
    "refused: 503 with Retry-After",
    "any other answer",
    "no answer",
)
_MOST_AT_A_TIME = 256
_SAMPLING_S = 1.0
_PATIENCE_S = 90


@dataclass
class Counts:
    """The outcomes of the requests, and the times of good answers."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    outcomes: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def add(self, outcome: str, seconds: float) -> None:
        """Count one request; only good answers are timed."""
        with self.lock:
            self.outcomes[outcome] += 1
            if outcome == GOOD:
                self.milliseconds.append(1000 * seconds)


def run(context: Context) -> dict[str, Any]:
    """Measure the capacity, then send twice that for five minutes (quick: ten seconds)."""
    build_models(context, BACKBONE, context.work / "served")
    pictures = large_pictures(context.data)
    short, long = (3, 10) if context.quick else (15, 300)
    with _serving(context.work / "served") as server:
        expected = [asker(server.port)(picture) for picture in pictures]
        capacity = _capacity(server, pictures, short)
        context.say(f"capacity {capacity:.1f}/s; now {TIMES_CAPACITY} times that for {long} s")
        overload(server, pictures, expected, TIMES_CAPACITY * capacity, 2 * short)  # settles memory
        with _watching(server) as memory:
            rate = TIMES_CAPACITY * capacity
            counts, seconds = overload(server, pictures, expected, rate, long)
        well = server.is_well() and asker(server.port)(pictures[0])["label"] == expected[0]["label"]
    asked = counts.outcomes.total()
    return {
        "backbone": BACKBONE,
        "capacity_per_second": capacity,
        "asked_per_second": asked / seconds,
        "seconds": seconds,
        "outcomes": {name: counts.outcomes[name] for name in (GOOD, WRONG, REFUSED, BAD, LOST)},
        "answered_per_second": counts.outcomes[GOOD] / seconds,
        "milliseconds": summarise(counts.milliseconds) if counts.milliseconds else None,
        "memory": _describe(memory),
        "well_afterwards": well,
    }


def table(result: Mapping[str, Any]) -> str:
    """Format the outcomes of the requests, and memory, as the table that is printed."""
    memory = result["memory"]
    rows = [(name, f"{count:,}") for name, count in result["outcomes"].items()]
    rows += [
        ("capacity, a second", f"{result['capacity_per_second']:.1f}"),
        ("asked, a second", f"{result['asked_per_second']:.1f}"),
        ("answered, a second", f"{result['answered_per_second']:.1f}"),
        ("memory at first, MiB", f"{memory['first'] / 2**20:.0f}"),
        ("memory in the end", f"{memory['growth']:+.1%}"),
        ("well afterwards", "yes" if result["well_afterwards"] else "no"),
    ]
    return text_table((f"{TIMES_CAPACITY} x capacity for {result['seconds']:.0f} s", ""), rows)


def overload(
    server: ModelServer,
    pictures: Sequence[bytes],
    expected: Sequence[Mapping[str, Any]],
    rate: float,
    seconds: float,
) -> tuple[Counts, float]:
    """Send `rate` requests a second; return their outcomes, and how long sending took."""
    counts = Counts()
    start = time.perf_counter()

    def ask(place: int) -> None:
        asked = time.perf_counter()
        outcome = _outcome(server.port, pictures[place], expected[place])
        counts.add(outcome, time.perf_counter() - asked)

    with ThreadPoolExecutor(_MOST_AT_A_TIME) as pool:
        for number in range(round(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            pool.submit(ask, number % len(pictures))
        sent = time.perf_counter() - start
    return counts, sent


def _outcome(port: int, picture: bytes, expected: Mapping[str, Any]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("POST", "/invocations", picture, JPEG)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return LOST
    finally:
        connection.close()
    if answer.status in (429, 503) and answer.headers.get("Retry-After"):
        return REFUSED
    if answer.status != 200:
        return BAD
    found = json.loads(body)["predictions"][0]["probabilities"]
    wanted = expected["probabilities"]
    close = all(abs(found[name] - value) <= TOLERANCE for name, value in wanted.items())
    return GOOD if close else WRONG


def _capacity(server: ModelServer, pictures: Sequence[bytes], seconds: float) -> float:
    """Measure the most answers a second, over several concurrencies."""

    def invoke(body: bytes, _kind: str) -> tuple[int, bytes]:
        reply = server.invoke(body, JPEG)
        return reply.status, reply.body

    named = [(picture, JPEG["Content-Type"]) for picture in pictures]
    levels = measure(invoke, named, (4, 8), seconds)
    best = max(level.per_second for level in levels)
    if not best:
        raise BenchmarkError("the endpoint answered nothing")
    return best


@contextmanager
def _serving(target: Path) -> Iterator[ModelServer]:
    server = start_model_server(target / "ours.tar.gz", target / "work", target / "log", {})
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _watching(server: ModelServer) -> Iterator[list[int]]:
    """Sample the server's own memory, in bytes, as long as the block runs."""
    process, samples, done = psutil.Process(server.process.pid), [], threading.Event()

    def sample() -> None:
        while True:
            samples.append(process.memory_full_info().uss)
            if done.wait(_SAMPLING_S):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def _describe(samples: Sequence[int]) -> dict[str, float]:
    """Return first and last as means of a tenth of the samples: a single request is no growth."""
    part = max(1, len(samples) // 10)
    first, last = sum(samples[:part]) / part, sum(samples[-part:]) / part
    return {"first": first, "last": last, "max": max(samples), "growth": last / first - 1}
