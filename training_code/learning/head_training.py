"""Train the head on cached features, in whole batches by index, without a data loader."""

import math
from functools import partial

import torch

from extraction.feature_files import Features
from extraction.feature_statistics import mean_and_std
from hyperparameters import Hyperparameters
from learning.full_batch import full_batch_phase
from learning.optimizers import FULL_BATCH
from learning.training_loop import Batches, ClassificationLoss, Phase, make_optimizer
from network import Head

CHUNK = 4096  # pictures that are computed at once, for memory to stay small


def make_head(train: Features, classes: int, seed: int) -> Head:
    """Make a head with the training features' mean and standard deviation and random weights.

    ExtractFeatures has computed those; for features of an older version it is done here.
    """
    torch.manual_seed(seed)
    head = Head(train.values.shape[2], classes)
    mean, std = train.statistics or mean_and_std(train.values)
    head.mean.copy_(mean)
    head.std.copy_(std)
    return head


def head_phase(
    head: Head,
    criterion: ClassificationLoss,
    train: Features,
    valid: Features,
    settings: Hyperparameters,
) -> Phase:
    """Build the phase in which the head learns from cached features."""
    if settings.optimizer in FULL_BATCH:
        return full_batch_phase(
            head,
            criterion,
            train_batches=partial(ordered_batches, train, len(train.values)),
            valid_batches=partial(ordered_batches, valid),
            set_training=partial(_set_training, head),
            settings=settings,
        )
    steps = math.ceil(len(train.labels) / settings.batch_size) * settings.epochs
    groups: list[dict[str, object]] = [{"params": list(head.parameters()), "lr": settings.lr}]
    optimizer, schedule = make_optimizer(settings, groups, steps)
    return Phase(
        network=head,
        optimizer=optimizer,
        schedule=schedule,
        criterion=criterion,
        train_batches=partial(random_batches, train, settings.batch_size, settings.seed),
        valid_batches=partial(ordered_batches, valid),
        set_training=partial(_set_training, head),
        lr_name="lr",
    )


def _set_training(head: Head, on: bool) -> None:
    head.train(on)


def random_batches(features: Features, size: int, seed: int, epoch: int) -> Batches:
    """Yield every picture once, in random order, each in one of its cached views."""
    order = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    views, rows, dimension = features.values.shape
    every = features.values.reshape(-1, dimension)  # a view: rows of one table are taken faster
    for index in torch.split(torch.randperm(rows, generator=order), size):
        chosen = index
        if views > 1:
            chosen = torch.randint(views, index.shape, generator=order) * rows + index
        yield every.index_select(0, chosen), features.labels.index_select(0, index)


def ordered_batches(features: Features, views: int = 1) -> Batches:
    """Yield every picture in its first `views` views, in order; the first of them is the plain."""
    for view in range(views):
        for start in range(0, len(features.labels), CHUNK):
            rows = slice(start, start + CHUNK)
            yield features.values[view, rows], features.labels[rows]
