"""Log a run in MLflow, once or while it runs: python -m pipeline.report track."""

import argparse
import json
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, PipelineError, UsageError
from pipeline.report.sources.source import Source
from pipeline.report.tracking.destination import open_destination
from pipeline.report.tracking.tracker import Tracker
from pipeline.settings.model import Settings

_SOON_S, _LONGEST_S = 2.0, 30.0  # between two looks at a run here; on AWS, or without success
_LAST_S = 60  # after the run's end
_NICER = 10


def track(
    options: argparse.Namespace, settings: Settings, source: Source, arn: str, folder: Path | None
) -> int:
    """Log a run and print where; `folder` is its report's. Raises UsageError, TrackingError."""
    asked = settings.tracking
    to = options.to or asked.mlflow_uri
    if to is None:
        raise UsageError("where to? Give --to URI, or set tracking.mlflow_uri")
    experiment = options.experiment or settings.experiment
    most = options.max_artifact_mb or asked.max_artifact_mb

    def tracker() -> Tracker:
        return Tracker(open_destination(to, experiment), source, arn, most)

    try:
        ready = _follow(tracker, source.where) if options.follow else tracker()
        tracked = ready.finish(to, folder)
    except PipelineError as error:
        if not options.follow:
            raise
        print(json.dumps({"error": str(error)}))
        return EXIT_FAILED
    print(tracked.to_json() if options.json else "\n".join(tracked.lines()))
    return EXIT_FAILED if tracked.missing else EXIT_SUCCEEDED


def _follow(make: Callable[[], Tracker], where: str) -> Tracker:
    """Log what has ended, again and again, until standard input is closed.

    What cannot be logged meanwhile is tried again; the last pass, which is another's, says why not.
    """
    os.nice(_NICER)  # the run comes first
    pause, wait = _SOON_S if where == "local" else _LONGEST_S, 0.0
    tracker: Tracker | None = None
    while not _is_closed(wait):
        try:
            tracker = tracker or make()
            tracker.look()
            wait = pause
        except Exception:  # as above
            wait = min(_LONGEST_S, 2 * max(wait, _SOON_S))
    signal.alarm(_LAST_S)  # nobody may be left to end it
    return tracker or make()


def _is_closed(wait_s: float) -> bool:
    ready, _, _ = select.select([0], [], [], wait_s)
    return bool(ready) and not os.read(0, 4096)
