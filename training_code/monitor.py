"""Compare what an endpoint is asked about with what its model was made for.

    monitor.py --model DIR --captured DIR --monitoring DIR
               [--pictures 500] [--false-alarms 0.001] [--batch-size 64] [--metrics-of ENDPOINT]

Runs in the image that serves. Reads the newest different pictures that data capture wrote, passes
them through the artifact's own serving code, and compares them with those of its reference.npz: by
features, answers, looks and sizes. Writes monitoring.json and the most unusual pictures. A change
is what it was asked to find, no failure: the verdict is in the last line of the log.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.served_model import ARCHIVE, served_model
from job.errors import JobError, run_job
from job.log import log
from job.malloc_tuning import keep_freed_memory
from monitoring.captured import Counts
from monitoring.cloudwatch import metrics_line
from monitoring.differences import NEEDED
from monitoring.findings import CHANGED, UNCHANGED, Findings, judge
from monitoring.passing import measure_captured, open_with_features
from monitoring.reference import read_reference

RESULT_FILE = "monitoring.json"
LEAST_ALARMS, MOST_ALARMS = 1e-5, 0.1


@dataclass(frozen=True)
class Options:
    """The checked command line of monitor.py."""

    model: Path
    captured: Path
    monitoring: Path
    pictures: int
    false_alarms: float
    batch_size: int
    metrics_of: str = ""


def parse_options(arguments: list[str] | None = None) -> Options:
    """Read the command line; raise JobError for numbers out of range."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with model.tar.gz")
    parser.add_argument("--captured", type=Path, required=True, help="folder of captured requests")
    parser.add_argument("--monitoring", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, default=500, help="compare the newest so many")
    text = "the share of checks of unchanged pictures that may find a change"
    parser.add_argument("--false-alarms", type=float, default=0.001, help=text)
    parser.add_argument("--batch-size", type=int, default=64)
    text = "an endpoint: log CloudWatch's metrics of it"
    parser.add_argument("--metrics-of", default="", help=text)
    options = Options(**vars(parser.parse_args(arguments)))
    for name, value in (("pictures", options.pictures), ("batch-size", options.batch_size)):
        if value < 1:
            raise JobError(f"--{name} must be 1 or more, not {value}")
    if not LEAST_ALARMS <= options.false_alarms <= MOST_ALARMS:
        raise JobError(
            f"--false-alarms must be from {LEAST_ALARMS:g} to {MOST_ALARMS:g}, not "
            f"{options.false_alarms:g}"
        )
    return options


def monitor(options: Options) -> tuple[Findings, Counts]:
    """Compare, and write the most unusual pictures."""
    with served_model(options.model / ARCHIVE) as served:
        reference = read_reference(served.folder)
        model = open_with_features(served)
        counts = Counts()
        captured = measure_captured(
            served.inference,
            model,
            reference.space,
            options.captured,
            counts,
            pictures=options.pictures,
            batch_size=options.batch_size,
        )
        limit = None if model.known is None else model.known.limit
        classes = model.description.classes
    findings = judge(reference.measured, captured, classes, limit, options.false_alarms)
    for one, row in zip(findings.unusual, findings.rows, strict=True):
        path = options.monitoring / one.picture
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(captured.thumbnails[row])
    return findings, counts


def result_of(options: Options, findings: Findings, counts: Counts) -> dict[str, Any]:
    """Return the contents of monitoring.json."""
    found = asdict(findings)
    del found["rows"]
    return {
        "version": 1,
        **found,
        "needed": NEEDED,
        "false_alarms": options.false_alarms,
        "capture": asdict(counts),
    }


def metrics_of(findings: Findings) -> dict[str, float | None]:
    """Return what an alarm may look at; too few pictures tell not whether they changed."""
    known = {CHANGED: 1, UNCHANGED: 0}
    return {
        "changed": known.get(findings.verdict),
        "pictures": findings.pictures,
        "smallest_p": findings.smallest_p,
        "unknown_share": findings.unknown_share,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the job: read, predict, compare, write."""
    options = parse_options(arguments)
    keep_freed_memory()
    options.monitoring.mkdir(parents=True, exist_ok=True)
    findings, counts = monitor(options)
    text = json.dumps(result_of(options, findings, counts), indent=1, allow_nan=False)
    (options.monitoring / RESULT_FILE).write_text(text + "\n", encoding="utf-8")
    for test in findings.tests:
        log(f"{test.name}: {test.sentence} (p {test.p:.2g})")
    log(findings.summary)
    if options.metrics_of:
        log(metrics_line(options.metrics_of, metrics_of(findings), time.time()))
    log(findings.line())


if __name__ == "__main__":
    run_job(main)
