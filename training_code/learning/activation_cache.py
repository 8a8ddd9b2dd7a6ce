"""Cache the activations of a network's frozen part on disk, computed once for fine-tuning.

Fine-tuning then starts every epoch from them. One view an epoch is exactly what training on
pictures with the same random views would see, but for rounding to half precision; fewer views
are seen again in later epochs.
"""

import itertools
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from extraction.backbone_pass import in_order
from extraction.runtime import Runtime, Values
from job.progress import ProgressLines
from pictures.augmentation import random_views
from pictures.dataset import Split, reserve
from preprocessing import Preprocessing, normalise

LARGEST_SHARE = 0.5  # of the free disk space
Activations = npt.NDArray[np.float16]
Rows = npt.NDArray[np.int64]


class NotCacheable(Exception):
    """The activations cannot be kept; the message says why, and what would help."""


@dataclass(frozen=True)
class Pictures:
    """Rows of a split, and how a row becomes the network's input.

    View 0 is the plain centre crop; further views are random, always the same for one seed.
    """

    split: Split
    rows: Rows
    preprocessing: Preprocessing
    seed: int

    def squares(self, rows: Rows, views: Rows) -> Tensor:
        """Return these rows in these views: uint8, cropped already where a view is random."""
        squares = torch.from_numpy(self.split.images[rows])
        if views.any():
            keys = [[self.seed, int(view), int(row)] for view, row in zip(views, rows, strict=True)]
            squares = random_views(squares, self.preprocessing.crop, keys)
        return squares

    def normalised(self, squares: Tensor, device: torch.device) -> Tensor:
        """Return the network's input (N, 3, crop, crop) on `device`, in channels_last."""
        pictures: Tensor = normalise(squares.to(device), self.preprocessing)
        return pictures.contiguous(memory_format=torch.channels_last)

    def labels(self, rows: Rows) -> Tensor:
        """Return the class numbers (N,) of these rows."""
        return torch.from_numpy(self.split.labels[rows])


def cache_activations(
    runtime: Runtime, pictures: Pictures, views: range, path: Path
) -> Activations:
    """Write `runtime`'s outputs for every row and view to `path`: float16 (views, rows, ...).

    Raises NotCacheable when they need more than half of the free disk space, more than other
    processes leave, or more memory than the GPU has, or are too large for half precision.
    """
    rows = pictures.rows
    sample = _forward(runtime, pictures.squares(np.zeros(1, np.int64), np.array(views[:1])))
    shape = (len(views), len(rows), *sample.shape[1:])
    _check_space(path.parent, math.prod(shape) * np.dtype(np.float16).itemsize)
    kept: Activations = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    _take_space(path)

    def compute(place: tuple[int, slice]) -> int:
        index, part = place
        squares = pictures.squares(rows[part], np.full_like(rows[part], views[index]))
        with np.errstate(over="ignore"):
            values = _forward(runtime, squares).astype(np.float16)
        if not np.isfinite(values).all():
            raise NotCacheable("they are too large for half precision")
        kept[index, part] = values
        return len(values)

    progress = ProgressLines("frozen activations", len(views) * len(rows))
    size = runtime.batch_size
    parts = [slice(start, start + size) for start in range(0, len(rows), size)]
    for done in in_order(compute, itertools.product(range(len(views)), parts), runtime.threads):
        progress.advance(done)
    progress.finish()
    return kept


def _forward(runtime: Runtime, squares: Tensor) -> Values:
    try:
        return runtime.forward(squares)
    except torch.OutOfMemoryError as error:
        raise NotCacheable(
            f"the GPU has no memory for {runtime.threads} batches of {runtime.batch_size} at a"
            " time. Lower batch_size"
        ) from error


def _take_space(path: Path) -> None:
    """Reserve the file's disk space: on a full disk, writing to mapped memory kills the process."""
    try:
        with path.open("r+b") as file:
            reserve(file.fileno(), path.stat().st_size)
    except OSError as error:
        raise NotCacheable(f"{path.parent} has no space for them ({error.strerror})") from error


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > LARGEST_SHARE * free:
        raise NotCacheable(
            f"they need {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free, of which"
            " half may be used. Lower fine_tune_views or fine_tune_blocks, or raise volume_gb"
        )
