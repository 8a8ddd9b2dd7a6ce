"""Where a report's facts come from: SageMaker's API and the files behind its addresses.

The same API answers on this machine and on AWS, so what is collected is written once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import PipelineError

INSTALL = "pip install -r requirements-local.txt"


class Absent(PipelineError):
    """A section cannot be made for this run; the message says why, for the report itself."""


class Source(Protocol):
    """What collecting asks. Reading raises Absent for what is not there or may not be read."""

    where: str
    sagemaker: Any

    def read(self, uri: str) -> bytes:
        """The bytes of a file."""

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        """So many bytes of a file, from `start` on."""

    def file(self, uri: str) -> Path:
        """The file, on this machine."""

    def folder(self, uri: str) -> Path:
        """The folder with everything below an address, on this machine."""

    def place(self, uri: str) -> Path:
        """Where an address lies on this machine, whether there is anything or not."""

    def left_behind(self, job: str) -> Path | None:
        """The output data of a training job that did not come to its end, where it is kept."""

    def log(self, job: str) -> Sequence[str]:
        """The lines that a training job printed; none when its log is gone."""

    def command(self, execution: str) -> str | None:
        """The command line that began a run, where it is known."""
