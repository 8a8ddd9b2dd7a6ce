"""Choose where a command looks for runs: on this machine, or on AWS."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.command_line.running import add_json_option
from pipeline.target import add_target_options, settings_of
from pipeline.temporary import temporary_folder

if TYPE_CHECKING:
    from pipeline.aws.clients import Aws
    from pipeline.report.sources.source import Source


@dataclass(frozen=True)
class Place:
    """A source of runs and the pipelines to look in. `aws` is None for local runs."""

    source: "Source"
    pipelines: tuple[str, ...]
    aws: "Aws | None" = None


def add_place_options(result: argparse.ArgumentParser) -> None:
    """Add --json, and where to look: on this machine or on AWS."""
    add_json_option(result)
    add_target_options(result)


@contextmanager
def open_place(options: argparse.Namespace) -> Iterator[Place]:
    """Open where the options say. Raises UsageError when nothing was ever run here."""
    from pipeline.target import readable_errors

    with readable_errors(), temporary_folder("report") as scratch:
        yield _aws_place(options, scratch) if options.aws else _local_place(options.state)


def _local_place(state: Path) -> Place:
    from pipeline.local.store import Store
    from pipeline.report.runs import pipelines_of
    from pipeline.report.sources.local_source import LocalSource
    from pipeline.target import require_state

    require_state(state)
    source = LocalSource(Store(state))
    return Place(source, tuple(pipelines_of(source.sagemaker)))


def _aws_place(options: argparse.Namespace, scratch: Path) -> Place:
    from pipeline.aws.clients import connect
    from pipeline.data.progress import Progress
    from pipeline.report.sources.aws_source import AwsSource

    settings = settings_of(options)
    aws = connect(settings)
    source = AwsSource(aws, scratch, progress=Progress(sys.stderr))
    return Place(source, (settings.project,), aws)
