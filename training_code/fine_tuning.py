"""Fine-tuning: the trained head and the last blocks of the backbone, on the pictures themselves."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from dataset import Split
from hyperparameters import Hyperparameters
from job_errors import JobError
from network import Classifier, blocks
from preprocessing import Preprocessing, normalise
from training_loop import Batches, ClassificationLoss, Phase, make_optimizer
from views import random_views

HEAD_LR_SHARE = 0.1  # the head starts trained: it moves on more slowly than it began


def fine_tuning_phase(
    classifier: Classifier,
    criterion: ClassificationLoss,
    *,
    train: Split,
    valid: Split,
    preprocessing: Preprocessing,
    settings: Hyperparameters,
) -> Phase:
    """How the last blocks and the head learn from pictures, for `fit`; unfreezes those blocks.

    Raises JobError when the backbone has fewer blocks than asked for.
    """
    unfrozen = unfreeze(classifier, settings.fine_tune_blocks)
    device = next(classifier.parameters()).device
    steps = math.ceil(len(train.labels) / settings.batch_size) * settings.fine_tune_epochs
    groups: list[dict[str, object]] = [
        {"params": list(classifier.head.parameters()), "lr": settings.lr * HEAD_LR_SHARE},
        {"params": _parameters(unfrozen), "lr": settings.fine_tune_lr},
    ]
    optimizer, schedule = make_optimizer(settings, groups[::-1], steps)
    batches = partial(_batches, preprocessing, device)
    return Phase(
        network=classifier,
        optimizer=optimizer,
        schedule=schedule,
        criterion=criterion,
        train_batches=lambda epoch: batches(_augmented(train, preprocessing.crop, settings, epoch)),
        valid_batches=lambda: batches(_plain(valid, settings.batch_size)),
        set_training=partial(set_training, classifier, unfrozen),
        lr_name="fine_tune_lr",
    )


def unfreeze(classifier: Classifier, count: int) -> list[nn.Module]:
    """Makes the head and the last `count` blocks trainable, and nothing else; returns the blocks.

    Raises JobError when there are fewer blocks.
    """
    found = blocks(classifier.backbone)
    if count > len(found):
        raise JobError(
            f"hyperparameter fine_tune_blocks is {count}; this backbone has {len(found)} blocks"
        )
    classifier.backbone.requires_grad_(False)
    unfrozen = [module for block in found[len(found) - count :] for module in block]
    for module in unfrozen:
        module.requires_grad_(True)
    return unfrozen


def set_training(classifier: Classifier, unfrozen: list[nn.Module], on: bool) -> None:
    """Puts head and unfrozen blocks into training mode; BatchNorm keeps its running statistics."""
    classifier.eval()
    if not on:
        return
    classifier.head.train()
    for block in unfrozen:
        for module in block.modules():
            module.training = not isinstance(module, nn.modules.batchnorm._NormBase)


def _parameters(modules: list[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]


def _augmented(
    split: Split, crop: int, settings: Hyperparameters, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every picture once, in random order, in a random view that the seed and epoch decide."""
    order = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
    shuffled = torch.randperm(len(split.labels), generator=order)
    for index in torch.split(shuffled, settings.batch_size):
        rows = index.numpy()
        keys = [[settings.seed, epoch, int(row)] for row in rows]
        squares = torch.from_numpy(split.images[rows])
        yield random_views(squares, crop, keys), torch.from_numpy(split.labels[rows])


def _plain(split: Split, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(split.labels), size):
        rows = slice(start, start + size)
        squares = torch.from_numpy(np.array(split.images[rows]))
        yield squares, torch.from_numpy(split.labels[rows])


def _batches(
    preprocessing: Preprocessing, device: torch.device, batches: Iterator[tuple[Tensor, Tensor]]
) -> Batches:
    for squares, labels in batches:
        pictures = normalise(squares.to(device), preprocessing)
        yield pictures.contiguous(memory_format=torch.channels_last), labels.to(device)
