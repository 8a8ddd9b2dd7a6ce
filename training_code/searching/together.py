"""Train several heads at once: batches are read once, and all logits are one matrix product.

Equal to training one head after the other, up to rounding: heads that learn from batches of the
same size see the same batches, and each keeps its own loss, optimizer and learning rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from job.errors import JobError
from learning.training_loop import (
    Checkpoint,
    EpochResult,
    Phase,
    Totals,
    better,
    require_finite,
    trained_parameters,
)
from network import Head
from profiler.session import Profiler


@dataclass
class Runner:
    """A head while it learns with others: its phase, how long it learns, and its best epoch.

    `tell` hears of every epoch and says whether to go on; `fail` hears why the head cannot go on.
    """

    head: Head
    phase: Phase
    epochs: int
    tell: Callable[[EpochResult, Checkpoint], bool]
    fail: Callable[[JobError], None]
    best: Checkpoint | None = None


def fit_together(runners: Sequence[Runner]) -> None:
    """Train heads whose phases have the same batches, each for its epochs or until it is told.

    Of each the best epoch is kept in `best`. A phase that trains its epochs in its own way does.
    """
    going, epoch = list(runners), 0
    while going := [one for one in going if epoch < one.epochs]:
        epoch += 1
        learned = _train_epoch(going, epoch)
        seen = _validate(going)
        for one, train, valid in zip(list(going), learned, seen, strict=True):
            if not _goes_on(one, EpochResult(epoch, *train, *valid)):
                going.remove(one)


def _goes_on(one: Runner, result: EpochResult) -> bool:
    try:
        require_finite(result.train_loss, result.epoch, one.phase)
    except JobError as error:
        one.fail(error)
        return False
    best = one.best
    if best is None or better(result, best):
        best = one.best = Checkpoint(result, trained_parameters(one.head))
    return one.tell(result, best)


def _train_epoch(going: Sequence[Runner], epoch: int) -> list[tuple[float, float]]:
    for one in going:
        one.phase.set_training(True)
        one.phase.criterion.train()
    by_batch = [one for one in going if one.phase.train_epoch is None]
    means = dict(zip(map(id, by_batch), _train_by_batch(by_batch, epoch), strict=True))
    for one in going:
        if train := one.phase.train_epoch:
            means[id(one)] = train(one.phase, epoch, Profiler())
    return [means[id(one)] for one in going]


def _train_by_batch(going: Sequence[Runner], epoch: int) -> list[tuple[float, float]]:
    if not going:
        return []
    weights, biases = _stack([one.head for one in going])
    totals = [Totals() for _ in going]
    first = going[0]
    for raw, labels in first.phase.train_batches(epoch):
        inputs = (raw - first.head.mean) / first.head.std
        logits = torch.addmm(biases, inputs, weights.T).requires_grad_()
        each = logits.chunk(len(going), dim=1)
        losses = [one.phase.criterion(mine, labels) for one, mine in zip(going, each, strict=True)]
        (slope,) = torch.autograd.grad(torch.stack(losses).sum(), logits)
        _give(going, slope.T @ inputs, slope.sum(0))
        for one, total, mine in zip(going, totals, each, strict=True):
            one.phase.optimizer.step()
            one.phase.schedule.step()
            total.add(mine, labels)
    return [total.means() for total in totals]


@torch.no_grad()
def _validate(going: Sequence[Runner]) -> list[tuple[float, float]]:
    weights, biases = _stack([one.head for one in going])
    totals = [Totals() for _ in going]
    first = going[0]
    for raw, labels in first.phase.valid_batches():
        inputs = (raw - first.head.mean) / first.head.std
        logits = torch.addmm(biases, inputs, weights.T)
        for total, mine in zip(totals, logits.chunk(len(going), dim=1), strict=True):
            total.add(mine, labels)
    return [total.means() for total in totals]


@torch.no_grad()
def _stack(heads: Sequence[Head]) -> tuple[Tensor, Tensor]:
    """Return all weights below each other, and all biases; the heads' own are parts of them."""
    weights = torch.cat([head.linear.weight for head in heads])
    biases = torch.cat([head.linear.bias for head in heads])
    count = len(heads)
    for head, weight, bias in zip(heads, weights.chunk(count), biases.chunk(count), strict=True):
        head.linear.weight.data, head.linear.bias.data = weight, bias
    return weights, biases


def _give(going: Sequence[Runner], weights: Tensor, biases: Tensor) -> None:
    """Give each head its part of the gradients."""
    count = len(going)
    parts = zip(going, weights.chunk(count), biases.chunk(count), strict=True)
    for one, weight, bias in parts:
        one.head.linear.weight.grad, one.head.linear.bias.grad = weight, bias
