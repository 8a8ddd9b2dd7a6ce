"""Train the head by LBFGS, whose every step looks at all pictures: it needs no learning rate.

The decay weakens from epoch to epoch, down to `weight_decay`, and each epoch goes on from the head
of the one before: a few evaluations do for it. So one training tries a row of decays, and keeps the
epoch, which is the decay, that validated best.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from hyperparameters import Hyperparameters
from job.errors import JobError
from learning.optimizers import OPTIMIZERS
from learning.training_loop import Batches, ClassificationLoss, Phase, Totals
from profiler.session import Profiler

STRONGEST = 1.0  # decay of the first epoch: the head hardly moves from class means
WEAKEST = 1e-6  # that ratios lead to: the last epoch's own may be 0


def decays(settings: Hyperparameters) -> list[float]:
    """Return each epoch's decay: weaker by the same ratio every time, the last `weight_decay`."""
    steps = max(1, settings.epochs - 1)
    ratio = min(1.0, max(settings.weight_decay, WEAKEST) / STRONGEST) ** (1 / steps)
    before = max(STRONGEST, settings.weight_decay)
    return [before * ratio**step for step in range(settings.epochs - 1)] + [settings.weight_decay]


def full_batch_phase(
    network: nn.Module,
    criterion: ClassificationLoss,
    *,
    train_batches: Callable[[], Batches],
    valid_batches: Callable[[], Batches],
    set_training: Callable[[bool], None],
    settings: Hyperparameters,
) -> Phase:
    """Build the phase in which the network learns from all of its training batches at once."""
    options = OPTIMIZERS[settings.optimizer](settings)
    optimizer = getattr(torch.optim, settings.optimizer)(network.parameters(), **options)
    return Phase(
        network=network,
        optimizer=optimizer,
        schedule=LambdaLR(optimizer, lambda step: 1.0),  # there is no rate to lower
        criterion=criterion,
        train_batches=lambda epoch: train_batches(),
        valid_batches=valid_batches,
        set_training=set_training,
        lr_name="lr",
        train_epoch=partial(train_on_all, decays(settings)),
    )


def train_on_all(
    of_epochs: Sequence[float], phase: Phase, epoch: int, profiler: Profiler
) -> tuple[float, float]:
    """Train an epoch with its decay; return mean cross entropy and accuracy of what it reached."""
    phase.set_training(True)
    phase.criterion.train()
    mark = profiler.marker()
    for batches in profiler.batches([list(phase.train_batches(epoch))]):
        objective = Objective(phase, batches, of_epochs[epoch - 1], mark)
        phase.optimizer.step(objective)
        mark("optimizer")
    loss, accuracy = objective.means
    if not math.isfinite(loss):
        raise JobError(
            f"the training loss is {loss} in epoch {epoch}: the features hold what is no number, or"
            " numbers too large for it"
        )
    return loss, accuracy


class Objective:
    """What the optimizer lowers: the mean loss of all pictures, and the decay of the weights.

    `means` are the cross entropy and accuracy where it was lowest, which is where a step ends.
    """

    def __init__(
        self,
        phase: Phase,
        batches: Sequence[tuple[Tensor, Tensor]],
        decay: float,
        mark: Callable[[str], None],
    ) -> None:
        self.means = (math.nan, math.nan)
        self._lowest = math.inf
        self._phase = phase
        self._batches = batches
        self._pictures = sum(len(labels) for _, labels in batches)
        self._decayed = [value for value in phase.network.parameters() if value.ndim > 1]
        self._decay = decay
        self._mark = mark

    def __call__(self) -> float:
        """Compute it and its gradient for the parameters as they are."""
        self._mark("optimizer")
        totals, loss = Totals(), 0.0
        self._phase.network.zero_grad()
        for inputs, labels in self._batches:
            logits = self._phase.network(inputs)
            part = self._phase.criterion(logits, labels) * (len(labels) / self._pictures)
            self._mark("forward")
            part.backward()  # type: ignore[no-untyped-call]
            self._mark("backward")
            loss += part.item()
            totals.add(logits, labels)
        loss += self._add_decay()
        if loss < self._lowest:
            self._lowest, self.means = loss, totals.means()
        return loss

    @torch.no_grad()
    def _add_decay(self) -> float:
        """Add the decay to the gradients, as SGD does; return its part of the objective."""
        for value in self._decayed:
            value.grad.add_(value, alpha=self._decay)
        return sum(self._decay / 2 * value.square().sum().item() for value in self._decayed)
