"""Log a run in MLflow, once or while it runs: python -m pipeline.report track."""

import argparse
import os
import select
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.documents import json_line, json_text
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, PipelineError, UsageError
from pipeline.report.sources.source import Source
from pipeline.report.tracking.destination import open_destination
from pipeline.report.tracking.tracker import Tracked, Tracker
from pipeline.settings.model import Settings

_SOON_S, _LONGEST_S = 2.0, 30.0  # between two looks at a run here; on AWS, or without success
_LAST_S = 600  # after the run's end, on a machine that is busy with another
_NICER = 10


@dataclass(frozen=True)
class Asked:
    """Where to log which runs: `folders` has each run's report by its ARN, None for its own."""

    to: str
    experiment: str
    most_mb: int
    source: Source
    folders: Mapping[str, Path | None]


def asked(
    options: argparse.Namespace,
    settings: Settings,
    source: Source,
    folders: Mapping[str, Path | None],
) -> Asked:
    """Return what the options ask for, and the settings where they say nothing.

    Raises UsageError where neither says where to.
    """
    to = options.uri or settings.tracking.mlflow_uri
    if to is None:
        raise UsageError("where to? Give --uri URI, or set tracking.mlflow_uri")
    most = options.max_artifact_mb or settings.tracking.max_artifact_mb
    return Asked(to, options.experiment or settings.experiment, most, source, folders)


def track(what: Asked, as_json: bool) -> int:
    """Log runs, one after another, and print where. Raises UsageError, TrackingError.

    Of several, those are passed over that are there as a whole.
    """
    destination = open_destination(what.to, what.experiment)
    done: list[Tracked] = []
    for arn, folder in what.folders.items():
        tracker = Tracker(destination, what.source, arn, what.most_mb)
        if len(what.folders) > 1 and tracker.is_done():
            continue
        done.append(tracker.finish(what.to, folder))
        if not as_json:
            print("\n".join(done[-1].lines()), flush=True)
    if as_json:
        print(json_text(done))
    return EXIT_FAILED if any(tracked.missing for tracked in done) else EXIT_SUCCEEDED


def follow(what: Asked) -> int:
    """Log one run while it goes on, until standard input is closed, and print where as JSON."""
    ((arn, folder),) = what.folders.items()

    def tracker() -> Tracker:
        return Tracker(open_destination(what.to, what.experiment), what.source, arn, what.most_mb)

    try:
        tracked = _followed(tracker, what.source.where).finish(what.to, folder)
    except PipelineError as error:
        print(json_line({"error": str(error)}))
        return EXIT_FAILED
    print(json_line(tracked))
    return EXIT_FAILED if tracked.missing else EXIT_SUCCEEDED


def _followed(make: Callable[[], Tracker], where: str) -> Tracker:
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
