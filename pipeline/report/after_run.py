"""Write a run's report when the run ends; an error is a warning and never fails the run."""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.aws.clients import Aws
from pipeline.command_line.running import from_here
from pipeline.local.store import Store
from pipeline.report.sources.local_source import LocalSource, keep_command
from pipeline.syntax_trees import PARSING

if TYPE_CHECKING:
    from pipeline.report.making import WrittenReport


def load_report_soon() -> threading.Thread:
    """Load in a thread what a report is drawn with, which takes a second: one is made soon."""
    thread = threading.Thread(target=_load, name="report", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    with suppress(Exception):  # whoever makes the report says so
        import pipeline.report.making  # noqa: F401

        with PARSING:  # matplotlib reads its defaults so, Jinja numbers
            import matplotlib  # noqa: F401
        from pipeline.report.page.html import load_templates

        with PARSING:
            load_templates()


def report_local_run(store: Store, arn: str, command: str | None) -> "WrittenReport | None":
    """Write the report of a local run that has just ended, and return it, or None."""
    try:
        from pipeline.report.making import make_report

        if command:
            keep_command(store, arn.rpartition("/")[2], command)
        return make_report(LocalSource(store), arn)
    except Exception as error:  # a failed report must not fail a run that made a model
        warn(error)
        return None


def report_aws_run(
    aws: Aws, arn: str, state: Path, say: Callable[[str], None]
) -> "WrittenReport | None":
    """Write the report of an AWS execution, upload it to the bucket, and say where it is.

    Returns the report, None when it could not be written.
    """
    written = None
    try:
        from pipeline.report.publishing import make_aws_report, publish

        written = make_aws_report(aws, arn, state / "reports" / arn.rpartition("/")[2])
        say(f"report: {from_here(written.path)}")
        say(f"report: {publish(aws, written)}")
    except Exception as error:  # as above
        warn(error)
    return written


def warn(error: Exception) -> None:
    """Print a one-line warning to standard error that the run has no report."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"warning: no report of this run: {text}", file=sys.stderr)
