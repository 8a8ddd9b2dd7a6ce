"""Yield the batches of fine-tuning: pictures, or the frozen part's activations of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from hyperparameters import Hyperparameters
from learning.activation_cache import Activations, Pictures, Rows
from learning.distributed import ALONE, Replicas
from learning.training_loop import Batches

Batch = tuple[torch.Tensor, torch.Tensor]


class Source(Protocol):
    """A source of batches, which are in the machine's own memory."""

    def train_batches(self, epoch: int) -> Batches:
        """Yield every training picture once, in order and views that seed and epoch decide."""

    def valid_batches(self) -> Batches:
        """Yield the plain view of every validation picture, in order."""

    def to_device(self, batch: Batch) -> Batch:
        """Return a batch as the network takes it, on the network's device."""


@dataclass(frozen=True)
class Plan:
    """The order of rows and of their views 1, 2, ...: the same with a cache and without."""

    train: Pictures
    valid: Pictures
    settings: Hyperparameters
    replicas: Replicas = ALONE

    @property
    def views(self) -> int:
        """How many random views of a picture there are: at most one for each epoch."""
        return min(self.settings.fine_tune_views or 10**9, self.settings.fine_tune_epochs)

    def train_rows(self, epoch: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield rows and their views, batch by batch; a picture's views take turns by epoch.

        Of each batch, only the rows that this process has: maybe none.
        """
        order = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
        shuffled = torch.randperm(len(self.train.split.labels), generator=order)
        for batch in torch.split(shuffled, self.settings.batch_size):
            rows = self.replicas.own(batch.numpy())
            yield rows, 1 + (epoch + rows) % self.views

    def valid_rows(self) -> Iterator[Rows]:
        """Yield rows in order, batch by batch."""
        for start in range(0, len(self.valid.rows), self.settings.batch_size):
            yield self.valid.rows[start : start + self.settings.batch_size]


@dataclass(frozen=True)
class PictureSource:
    """A source of pictures, uint8 (N, 3, R, R) or (N, 3, crop, crop), and class numbers (N,)."""

    plan: Plan
    device: torch.device

    def train_batches(self, epoch: int) -> Batches:
        """Yield every training picture once."""
        train = self.plan.train
        for rows, views in self.plan.train_rows(epoch):
            yield train.squares(rows, views), train.labels(rows)

    def valid_batches(self) -> Batches:
        """Yield every validation picture, in order."""
        valid = self.plan.valid
        for rows in self.plan.valid_rows():
            yield valid.squares(rows, np.zeros_like(rows)), valid.labels(rows)

    def to_device(self, batch: Batch) -> Batch:
        """Move a batch to the device and normalise it there: (N, 3, crop, crop)."""
        squares, labels = batch
        return self.plan.train.normalised(squares, self.device), labels.to(self.device)


@dataclass(frozen=True)
class CachedSource:
    """A source of cached activations, float16 (N, ...), and class numbers (N,).

    `train` is (views, rows, ...), of the plan's views from 1 on, and `valid` (1, rows, ...).
    """

    plan: Plan
    device: torch.device
    train: Activations
    valid: Activations

    def train_batches(self, epoch: int) -> Batches:
        """Yield every training picture once."""
        train = self.plan.train
        for rows, views in self.plan.train_rows(epoch):
            values = self.train[views - 1, np.searchsorted(train.rows, rows)]
            yield torch.from_numpy(values), train.labels(rows)

    def valid_batches(self) -> Batches:
        """Yield every validation picture, in order."""
        valid = self.plan.valid
        for rows in self.plan.valid_rows():
            values = self.valid[0, np.searchsorted(valid.rows, rows)]
            yield torch.from_numpy(values), valid.labels(rows)

    def to_device(self, batch: Batch) -> Batch:
        """Move a batch to the device, in single precision there."""
        values, labels = batch
        inputs = values.to(self.device).float()
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs, labels.to(self.device)
