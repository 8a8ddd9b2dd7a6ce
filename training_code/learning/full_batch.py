"""Train the head by LBFGS, whose every step looks at all pictures: it needs no learning rate.

The decay weakens from epoch to epoch, down to `weight_decay`, and each epoch goes on from the head
of the one before: one step does, and it follows the minimum. So one training tries a row of decays,
and keeps the epoch, which is the decay, that validated best.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hyperparameters import Hyperparameters
from job.errors import JobError
from learning.optimizers import OPTIMIZERS
from learning.training_loop import Batches, ClassificationLoss, Phase, Totals
from profiler.session import Profiler

STRONGEST = 0.1  # decay of the first epoch: what is stronger only makes the head unsure
WEAKEST = 1e-6  # that ratios lead to: the last epoch's own may be 0


def decays(settings: Hyperparameters) -> list[float]:
    """Return each epoch's decay: weaker by the same ratio every time, the last `weight_decay`."""
    strongest, steps = max(STRONGEST, settings.weight_decay), settings.epochs - 1
    ratio = max(settings.weight_decay, WEAKEST) / strongest
    return [strongest * ratio ** (step / steps) for step in range(steps)] + [settings.weight_decay]


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
    objective = Objective(network, criterion, train_batches)
    return Phase(
        network=network,
        optimizer=optimizer,
        schedule=LambdaLR(optimizer, lambda step: 1.0),  # there is no rate to lower
        criterion=criterion,
        train_batches=lambda epoch: train_batches(),
        valid_batches=valid_batches,
        set_training=set_training,
        lr_name="lr",
        train_epoch=partial(_train_epoch, objective, decays(settings)),
    )


def _train_epoch(
    objective: "Objective", of_epochs: list[float], phase: Phase, epoch: int, profiler: Profiler
) -> tuple[float, float]:
    """Train an epoch with its decay; return mean cross entropy and accuracy of what it reached."""
    phase.set_training(True)
    phase.criterion.train()
    mark, seen = profiler.marker(), list[tuple[float, Evaluation]]()
    if epoch > 1:
        change_decay(phase.optimizer, of_epochs[epoch - 1] - of_epochs[epoch - 2])

    def decayed_loss() -> float:
        mark("optimizer")
        seen.append(objective.evaluate(of_epochs[epoch - 1], mark))
        return seen[-1][0]

    for _ in profiler.batches([epoch]):
        phase.optimizer.step(decayed_loss)
        mark("optimizer")
    loss, accuracy = min(seen, key=lambda one: one[0])[1].means  # a step ends where it is lowest
    if not math.isfinite(loss):
        raise JobError(
            f"the training loss is {loss} in epoch {epoch}: the features hold what is no number, or"
            " numbers too large for it"
        )
    return loss, accuracy


@torch.no_grad()
def change_decay(optimizer: Optimizer, change: float) -> None:
    """Change the decay in what LBFGS remembers of the step before, whose gradient it will compare.

    Else it would take the change for curvature, and its steps would become too small to go on.
    """
    parameters: list[Tensor] = optimizer.param_groups[0]["params"]
    state = optimizer.state[parameters[0]]  # LBFGS keeps all there
    remembered, end = state.get("prev_flat_grad"), 0
    for parameter in parameters if remembered is not None else ():
        part = slice(end, end := end + parameter.numel())
        if _decays(parameter):
            before = parameter.flatten() - state["t"] * state["d"][part]
            remembered[part].add_(before, alpha=change)


def _decays(parameter: Tensor) -> bool:
    return parameter.ndim > 1  # weights, and no biases


@dataclass(frozen=True)
class Evaluation:
    """The loss over all pictures, with its gradients, for parameters as they were.

    `means` are cross entropy and accuracy, neither smoothed nor weighted.
    """

    parameters: list[Tensor]
    gradients: list[Tensor]
    loss: float
    means: tuple[float, float]


class Objective:
    """What is lowered: the mean loss of all pictures, and the decay of the weights.

    An epoch begins where the one before it evaluated last: nothing is computed twice.
    """

    def __init__(
        self, network: nn.Module, criterion: nn.Module, batches: Callable[[], Batches]
    ) -> None:
        self._network = network
        self._criterion = criterion
        self._batches = batches
        self._parameters = [value for value in network.parameters() if value.requires_grad]
        self._last: Evaluation | None = None

    @torch.no_grad()
    def evaluate(self, decay: float, mark: Callable[[str], None]) -> tuple[float, Evaluation]:
        """Return its value for the parameters as they are; leave the gradients with them."""
        last = self._last
        if last is None or not all(map(torch.equal, last.parameters, self._parameters)):
            with torch.enable_grad():
                last = self._last = self._compute(mark)
        value = last.loss
        for parameter, gradient in zip(self._parameters, last.gradients, strict=True):
            parameter.grad = gradient.clone()
            if _decays(parameter):
                parameter.grad.add_(parameter, alpha=decay)
                value += decay / 2 * parameter.square().sum().item()
        return value, last

    def _compute(self, mark: Callable[[str], None]) -> Evaluation:
        self._network.zero_grad()
        totals, loss, pictures = Totals(), 0.0, sum(len(labels) for _, labels in self._batches())
        for inputs, labels in self._batches():
            logits = self._network(inputs)
            part = self._criterion(logits, labels) * (len(labels) / pictures)
            mark("forward")
            part.backward()
            mark("backward")
            loss += part.item()
            totals.add(logits, labels)
        parameters = [value.detach().clone() for value in self._parameters]
        gradients = [value.grad for value in self._parameters if value.grad is not None]
        return Evaluation(parameters, gradients, loss, totals.means())
