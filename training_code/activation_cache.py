"""What the frozen part of a network makes of the pictures, computed once and kept on disk.

Fine-tuning then starts every epoch from there. One view an epoch is exactly what training on
pictures with the same random views would see, but for rounding to half precision; fewer views
are seen again in later epochs.
"""

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dataset import Split
from job_progress import ProgressLines
from preprocessing import Preprocessing, normalise
from views import random_views

LARGEST_SHARE = 0.5  # of the free disk space
_BATCH = 16  # on a CPU, larger ones leave the processor's cache and are slower
_GPU_BATCH = 256
Activations = npt.NDArray[np.float16]
Rows = npt.NDArray[np.int64]
Frozen = Callable[[Tensor], Tensor]


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
        """These rows in these views: uint8, cropped already where a view is random."""
        squares = torch.from_numpy(self.split.images[rows])
        if views.any():
            keys = [[self.seed, int(view), int(row)] for view, row in zip(views, rows, strict=True)]
            squares = random_views(squares, self.preprocessing.crop, keys)
        return squares

    def normalised(self, squares: Tensor, device: torch.device) -> Tensor:
        """The network's input (N, 3, crop, crop) on `device`, in channels_last."""
        pictures = normalise(squares.to(device), self.preprocessing)
        return pictures.contiguous(memory_format=torch.channels_last)

    def labels(self, rows: Rows) -> Tensor:
        """Class numbers (N,) of these rows."""
        return torch.from_numpy(self.split.labels[rows])


def cache_activations(
    frozen: Frozen,
    pictures: Pictures,
    views: range,
    path: Path,
    device: torch.device,
) -> Activations:
    """`frozen` of every row in every view: (views, rows, ...) in half precision, mapped from disk.

    Raises NotCacheable when they need more than half of the free disk space, or are too large for
    half precision.
    """
    rows = pictures.rows
    sample = _run(frozen, pictures, rows[:1], views[0], device)
    shape = (len(views), len(rows), *sample.shape[1:])
    _check_space(path.parent, math.prod(shape) * sample.itemsize)
    kept: Activations = np.lib.format.open_memmap(path, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
    progress = ProgressLines("frozen activations", len(views) * len(rows))
    for index, view in enumerate(views):
        for part in _parts(len(rows), _GPU_BATCH if device.type == "cuda" else _BATCH):
            values = _run(frozen, pictures, rows[part], view, device)
            if not np.isfinite(values).all():
                raise NotCacheable("they are too large for half precision")
            kept[index, part] = values
            progress.advance(len(values))
    progress.finish()
    return kept


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


@torch.inference_mode()
def _run(
    frozen: Frozen, pictures: Pictures, rows: Rows, view: int, device: torch.device
) -> Activations:
    inputs = pictures.normalised(pictures.squares(rows, np.full_like(rows, view)), device)
    with torch.autocast("cuda", torch.bfloat16, enabled=inputs.is_cuda):
        values: Activations = frozen(inputs).half().cpu().numpy()
    return values


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > LARGEST_SHARE * free:
        raise NotCacheable(
            f"they need {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free, of which"
            " half may be used. Lower fine_tune_views or fine_tune_blocks, or raise volume_gb"
        )
