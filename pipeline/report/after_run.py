"""The report at the end of a run. What fails in it is a line, and never the run."""

import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.aws.clients import Aws
from pipeline.cli import from_here
from pipeline.local.store import Store
from pipeline.report.local_source import LocalSource, keep_command


def report_local_run(store: Store, arn: str, command: str | None) -> str | None:
    """Make the report of a run that has just ended; the path of its HTML file, or None."""
    try:
        from pipeline.report.making import make_report

        if command:
            keep_command(store, arn.rpartition("/")[2], command)
        return from_here(make_report(LocalSource(store), arn).path)
    except Exception as error:  # a report must not turn a model that was made into a failure
        warn(error)
        return None


def report_aws_run(aws: Aws, arn: str, state: Path, say: Callable[[str], None]) -> None:
    """Make the report of an execution on AWS, put it into the bucket, and say where it is."""
    try:
        from pipeline.report.publishing import make_aws_report, publish

        made = make_aws_report(aws, arn, state / "reports" / arn.rpartition("/")[2])
        say(f"report: {from_here(made.path)}")
        say(f"report: {publish(aws, made)}")
    except Exception as error:  # as above
        warn(error)


def warn(error: Exception) -> None:
    """One line on standard error."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"warning: no report of this run: {text}", file=sys.stderr)
