"""Define the source of a report's facts: SageMaker's API and the files behind its addresses.

The same API answers on this machine and on AWS, so collecting is written once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import PipelineError

INSTALL = "pip install -r requirements-local.txt"


class Absent(PipelineError):
    """A part of the report cannot be made for this run; the message, shown in it, says why."""


class Source(Protocol):
    """A source of runs. Reading raises Absent for what is not there or may not be read."""

    where: str
    sagemaker: Any

    def read(self, uri: str) -> bytes:
        """Return the bytes of a file."""

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        """Return `size` bytes of a file from offset `start`."""

    def file(self, uri: str) -> Path:
        """Return the path of a file on this machine."""

    def folder(self, uri: str) -> Path:
        """Return a folder on this machine with everything below an address."""

    def place(self, uri: str) -> Path:
        """Return an address's path on this machine, whether anything is there or not."""

    def unpacked_output(self, job: str) -> Path | None:
        """Return the output data of an unfinished training job, or None where it is not kept."""

    def log(self, job: str) -> Sequence[str]:
        """Return the lines that a training job printed; empty when its log is gone."""

    def command(self, execution: str) -> str | None:
        """Return the command line that started a run, or None when it is not known."""
