"""Define what a benchmark gets: pictures, weights, scratch space, and how long it may take."""

import sys
from dataclasses import dataclass
from pathlib import Path


class BenchmarkError(RuntimeError):
    """A benchmark cannot be run as asked; the message says why and how to mend it."""


@dataclass(frozen=True)
class Context:
    """The pictures, weights, folders and size that a benchmark works with.

    `data` is a folder with train/, valid/ and test/, each with a folder a class. `weights` is a
    folder of pretrained weights whose names begin with their backbone's, or None. `work` is an
    empty folder that is removed afterwards; what stays valid from run to run goes to `cache`. With
    `quick`, the smallest sizes that still show something; with `smoke` besides, the smallest that
    run every line. `kills` is how many chaos makes, None for its own number.
    """

    data: Path
    weights: Path | None
    work: Path
    quick: bool
    cache: Path
    kills: int | None = None
    smoke: bool = False

    def weights_of(self, backbone: str) -> Path | None:
        """Return the weights file of a backbone; None when there is none."""
        files = sorted(self.weights.glob(f"{backbone}[-.]*")) if self.weights else []
        return files[0] if files else None

    def say(self, message: str) -> None:
        """Print one line of progress."""
        print(message, file=sys.stderr, flush=True)
