"""Count an endpoint's requests, as Prometheus text: the ground for detecting drift.

Nothing of a picture is in it: times, sizes, classes and probabilities only.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

STAGES = ("decode", "forward", "encode")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0)
_SHARES = tuple(tenth / 10 for tenth in range(1, 11))


@dataclass(frozen=True)
class Served:
    """One request as it was answered: its status, and what was measured of it.

    `seconds` by stage, `batch_sizes` of the network's runs, and for each picture its `labels` and
    `confidences`; all empty when it was refused: then `code` says why. `unknown`: how many of the
    pictures show none of the classes; None when the model cannot tell, or was not asked.
    """

    status: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    batch_sizes: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    confidences: tuple[float, ...] = ()
    code: str = ""
    unknown: int | None = None


class _Histogram:
    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, values: Iterable[float]) -> None:
        for value in values:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {total}"


class ServingMetrics:
    """Counts since the model was loaded. Safe to use from any thread; its size never grows."""

    def __init__(self, classes: Sequence[str], *, tells_unknown: bool = False) -> None:
        self._unknown = 0 if tells_unknown else None
        self._lock = threading.Lock()
        self._statuses: Counter[int] = Counter()
        self._refusals: Counter[str] = Counter()
        self._classes: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self._stages = {stage: _Histogram(_SECONDS) for stage in STAGES}
        self._batches = _Histogram(_SIZES)
        self._confidence = _Histogram(_SHARES)

    def add(self, served: Served) -> None:
        """Count one request."""
        with self._lock:
            self._statuses[served.status] += 1
            if served.code:
                self._refusals[served.code] += 1
            self._classes.update(served.labels)
            if self._unknown is not None:
                self._unknown += served.unknown or 0
            for stage, seconds in served.seconds.items():
                self._stages[stage].add([seconds])
            self._batches.add(served.batch_sizes)
            self._confidence.add(served.confidences)

    def prometheus(self) -> str:
        """Return all counts in Prometheus' text format."""
        with self._lock:
            return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "# TYPE model_requests_total counter"
        for status, count in sorted(self._statuses.items()):
            yield f'model_requests_total{{status="{status}"}} {count}'
        yield "# TYPE model_refusals_total counter"
        for code, count in sorted(self._refusals.items()):
            yield f'model_refusals_total{{code="{_escaped(code)}"}} {count}'
        yield "# TYPE model_predictions_total counter"
        for name, count in self._classes.items():
            yield f'model_predictions_total{{class="{_escaped(name)}"}} {count}'
        if self._unknown is not None:
            yield "# TYPE model_unknown_total counter"
            yield f"model_unknown_total {self._unknown}"
        for stage, histogram in self._stages.items():
            yield from histogram.lines(f"model_{stage}_seconds")
        yield from self._batches.lines("model_batch_size")
        yield from self._confidence.lines("model_confidence")


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
