"""Log an endpoint's metrics for CloudWatch, as JSON lines in its embedded metric format.

CloudWatch makes metrics of such a line wherever it is logged by itself. In AWS's containers what
a worker prints gets a prefix, so the line goes to the container's own output instead.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import atexit
import contextlib
import json
import logging
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from serving_metrics import STAGES, Served

VARIABLE = "SERVING_METRICS_LOG"
NAMESPACE = "ImageClassification"
_MOST_VALUES = 100  # of one metric in a line
_MINUTE = 60.0  # seconds: CloudWatch keeps the numbers of each minute of the clock
_UNITS = {
    **{f"{stage.capitalize()}Time": "Milliseconds" for stage in STAGES},
    "BatchSize": "Count",
    "Confidence": "None",
    "Requests": "Count",
    "Refused": "Count",
    "Faults": "Count",
    "Unknown": "Count",
}
_log = logging.getLogger("metrics")


class MetricsLog:
    """A log that writes one line for each minute of the clock, or for a hundred values.

    A line is written when its minute ends, whether or not another request comes, and has the time
    of its first value. Safe to use from any thread. `write` gets each line; `model` is the
    metrics' dimension; `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        model: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._model = model
        self._clock = clock
        self.forget()

    def add(self, served: Served) -> None:
        """Count one request; an output that cannot be written never fails it."""
        with self._lock:
            now = self._clock()
            together = len(self._values["Confidence"]) + len(served.confidences)
            if now >= self._until or together > _MOST_VALUES:
                self._flush()
            if not self._statuses:
                self._start(now)
            self._gather(served)
            if max(len(values) for values in self._values.values()) >= _MOST_VALUES:
                self._flush()

    def flush(self) -> None:
        """Write the line of the requests gathered so far, if there are any."""
        with self._lock:
            self._flush()

    def forget(self) -> None:
        """Drop the gathered requests, the lock and the timer: for a process just forked."""
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._begin()

    def _begin(self) -> None:
        self._since, self._until = 0.0, math.inf
        self._statuses: Counter[int] = Counter()
        self._classes: Counter[str] = Counter()
        self._unknown: int | None = None
        self._values: dict[str, list[float]] = {f"{stage.capitalize()}Time": [] for stage in STAGES}
        self._values |= {"BatchSize": [], "Confidence": []}

    def _start(self, now: float) -> None:
        self._since, self._until = now, now - now % _MINUTE + _MINUTE
        # not before a request: a server may fork once it has loaded the model
        self._timer = threading.Timer(self._until - now, self.flush)
        self._timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread to be had: a later request writes
            self._timer.start()

    def _gather(self, served: Served) -> None:
        self._statuses[served.status] += 1
        self._classes.update(served.labels)
        if served.unknown is not None:
            self._unknown = (self._unknown or 0) + served.unknown
        for stage, seconds in served.seconds.items():
            self._values[f"{stage.capitalize()}Time"].append(round(seconds * 1000, 3))
        self._values["BatchSize"].extend(served.batch_sizes)
        self._values["Confidence"].extend(round(value, 4) for value in served.confidences)

    def _flush(self) -> None:
        if not self._statuses:
            return
        if self._timer is not None:
            self._timer.cancel()
        line = json.dumps(self._document())
        self._begin()
        try:
            self._write(line + "\n")
        except OSError as error:
            _log.warning("metrics cannot be written: %s", error)

    def _document(self) -> dict[str, Any]:
        counts = {
            "Requests": self._statuses.total(),
            "Refused": sum(n for status, n in self._statuses.items() if 400 <= status < 500),
            "Faults": sum(n for status, n in self._statuses.items() if status >= 500),
            **({} if self._unknown is None else {"Unknown": self._unknown}),
        }
        values = {name: seen[:_MOST_VALUES] for name, seen in self._values.items() if seen}
        metrics = [{"Name": name, "Unit": _UNITS[name]} for name in (*values, *counts)]
        told = {"Namespace": NAMESPACE, "Dimensions": [["Model"]], "Metrics": metrics}
        return {
            "_aws": {"Timestamp": int(self._since * 1000), "CloudWatchMetrics": [told]},
            "Model": self._model,
            **values,
            **counts,
            "Classes": dict(self._classes),
        }


def open_metrics_log(environ: Mapping[str, str], model: str) -> MetricsLog | None:
    """Open the log in SERVING_METRICS_LOG: a file to append to, or `stdout`; None when unset."""
    place = environ.get(VARIABLE, "")
    if not place:
        return None
    log = MetricsLog(_to_stdout if place == "stdout" else _appender(place), model)
    atexit.register(log.flush)
    os.register_at_fork(after_in_child=log.forget)
    return log


def _to_stdout(line: str) -> None:
    print(line, end="", flush=True)


def _appender(place: str) -> Callable[[str], object]:
    def append(line: str) -> None:
        file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    return append
