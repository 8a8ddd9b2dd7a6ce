"""Train epoch by epoch: the loop that training the head and fine-tuning share."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from debugger.session import Debugger
from hyperparameters import Hyperparameters
from job.errors import JobError
from job.log import log
from job.mixed_precision import mixed_precision
from learning.class_weights import weights_of
from learning.distributed import ALONE, Replicas
from learning.optimizers import OPTIMIZERS
from profiler.session import Profiler

Batches = Iterable[tuple[Tensor, Tensor]]
Parameters = dict[str, Tensor]
_ROWS_TO_SUM = 2048  # whose logits are kept meanwhile: 8 MB with 1,000 classes


class ClassificationLoss(nn.CrossEntropyLoss):
    """Cross entropy whose label smoothing applies in training mode only.

    With `weight`, a picture counts as much as the weight of its class. The mean is over pictures:
    divided by the weights of the batch, as PyTorch does it, a batch of one class had none.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of logits (N, classes) for class numbers (N,); 0 of no pictures."""
        if not len(target):
            return input.sum()
        smoothing = self.label_smoothing if self.training else 0.0
        if self.weight is None:
            return functional.cross_entropy(input, target, label_smoothing=smoothing)
        losses = functional.cross_entropy(
            input, target, reduction="none", label_smoothing=smoothing
        )
        return (losses * self.weight[target]).mean()


def make_criterion(settings: Hyperparameters, labels: Tensor, classes: int) -> ClassificationLoss:
    """Make the loss that head and fine-tuning learn by, for training pictures of these labels."""
    counts = torch.bincount(labels, minlength=classes).tolist()
    weights = weights_of(counts, settings.class_weights)
    return ClassificationLoss(
        None if weights is None else torch.tensor(weights),
        label_smoothing=settings.label_smoothing,
    )


@dataclass(frozen=True)
class EpochResult:
    """An epoch's means over all pictures: cross entropies and shares of 0 to 1.

    Neither smoothed nor weighted: they compare trainings that learned in different ways.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float

    def line(self) -> str:
        """Return the epoch's metrics, for SageMaker to read from the log."""
        return (
            f"epoch={self.epoch}"
            f" train_loss={self.train_loss:.6f} train_accuracy={self.train_accuracy:.6f}"
            f" valid_loss={self.valid_loss:.6f} valid_accuracy={self.valid_accuracy:.6f}"
        )


@dataclass(frozen=True)
class Checkpoint:
    """An epoch's result and the trained parameters it was reached with."""

    result: EpochResult
    parameters: Parameters

    def line(self) -> str:
        """Return the training's last line, which is no metric line: an epoch has one, not two."""
        accuracy, loss = self.result.valid_accuracy, self.result.valid_loss
        return (
            f"kept epoch {self.result.epoch}: validation accuracy {accuracy:.6f}, loss {loss:.6f}"
        )

    def metrics(self) -> str:
        """Return the best metrics so far, for the end of every epoch's metric line.

        Early stopping and Hyperband judge a trial by them.
        """
        return (
            f"best_valid_loss={self.result.valid_loss:.6f}"
            f" best_valid_accuracy={self.result.valid_accuracy:.6f}"
        )


@dataclass(frozen=True)
class Phase:
    """A phase of training, as `fit` needs it: a network, how it learns, and its data.

    `train_batches` takes the epoch's number and gives (inputs, class numbers), as does
    `valid_batches`. `set_training` puts the network into training mode or out of it.
    `lr_name` is the hyperparameter to lower when the loss is no number any more, `name` what the
    profile calls the phase. `to_device` moves a batch to the network's device, unless it is None.
    `replicas` are the processes that share each batch. `train_epoch` trains an epoch and returns
    its means; where it is None, the network learns batch by batch.
    """

    network: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    criterion: ClassificationLoss
    train_batches: Callable[[int], Batches]
    valid_batches: Callable[[], Batches]
    set_training: Callable[[bool], None]
    lr_name: str
    name: str = "head"
    to_device: Callable[[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]] | None = None
    replicas: Replicas = ALONE
    train_epoch: "TrainEpoch | None" = None


TrainEpoch = Callable[[Phase, int, Profiler], tuple[float, float]]


@dataclass(frozen=True)
class Progress:
    """How far a phase has come: the best of all epochs so far, and the phase's own, in order."""

    best: Checkpoint
    history: Sequence[EpochResult]


class Keeper(Protocol):
    """What keeps how far a training is (learning/resuming.py)."""

    def resume(self, phase: Phase) -> Progress | None:
        """Make the phase as it was after its last whole epoch; None when there was none."""

    def keep(self, phase: Phase, progress: Progress, *, complete: bool) -> None:
        """Write down how far the phase is."""


class KeepsNothing:
    """The keeper of a training that begins anew when it is interrupted."""

    def resume(self, phase: Phase) -> Progress | None:
        """Return that there was nothing."""
        return None

    def keep(self, phase: Phase, progress: Progress, *, complete: bool) -> None:
        """Keep nothing."""


KEEPS_NOTHING = KeepsNothing()


def fit(
    phase: Phase,
    epochs: range,
    best: Checkpoint | None,
    debugger: Debugger,
    profiler: Profiler | None = None,
    *,
    keeper: Keeper = KEEPS_NOTHING,
) -> tuple[Checkpoint, list[EpochResult]]:
    """Train through `epochs`; leave the network with the best parameters of all.

    Prints a metric line after each epoch; those that `keeper` has are not trained again, but have
    their lines. `best` is the one to beat, if there is one already:
    the best has the highest validation accuracy, among equals the lowest validation loss, and
    is the first of those that are equal in both.
    Raises JobError when the loss is no longer a number.
    """
    history: list[EpochResult] = []
    if done := keeper.resume(phase):
        _log_again(done.history, best)
        best, history = done.best, list(done.history)
    one_by_one = replace(phase, train_batches=lambda n: debugger.steps(phase.train_batches(n)))
    profiler = profiler or Profiler()
    profiler.begin(phase.name, on_gpu=next(phase.network.parameters()).is_cuda)
    for epoch in epochs[len(history) :]:
        debugger.training()
        if phase.train_epoch is None:
            train_loss, train_accuracy = train_one_epoch(one_by_one, epoch, profiler)
        else:
            train_loss, train_accuracy = phase.train_epoch(phase, epoch, profiler)
        debugger.validating()
        valid_loss, valid_accuracy = validate(phase)
        result = EpochResult(epoch, train_loss, train_accuracy, valid_loss, valid_accuracy)
        history.append(result)
        if best is None or better(result, best):
            best = Checkpoint(result, trained_parameters(phase.network))
        log(f"{result.line()} {best.metrics()}")
        debugger.check()
        keeper.keep(phase, Progress(best, history), complete=epoch == epochs[-1])
    profiler.end()
    if best is None:
        raise ValueError("no epochs to train")
    restore(phase.network, best.parameters)
    return best, history


def train_one_epoch(phase: Phase, epoch: int, profiler: Profiler) -> tuple[float, float]:
    """Train one epoch; return its pictures' mean cross entropy and accuracy while learning."""
    phase.set_training(True)
    phase.criterion.train()
    totals = Totals()
    mark = profiler.marker()
    for batch in profiler.batches(phase.train_batches(epoch)):
        inputs, labels = batch if phase.to_device is None else phase.to_device(batch)
        mark("transfer")
        with mixed_precision(inputs.device):
            logits = phase.network(inputs)
        loss = phase.criterion(logits.float(), labels)
        mark("forward")
        phase.network.zero_grad()  # takes a third of optimizer.zero_grad's time
        phase.replicas.share(loss, labels).backward()  # type: ignore[no-untyped-call]
        mark("backward")
        phase.optimizer.step()
        phase.schedule.step()
        mark("optimizer")
        totals.add(logits, labels)
    loss_mean, accuracy = totals.means(phase.replicas)
    require_finite(loss_mean, epoch, phase)
    return loss_mean, accuracy


def require_finite(loss: float, epoch: int, phase: Phase) -> None:
    """Raise JobError when an epoch's training loss is no number any more."""
    if not math.isfinite(loss):
        lr = phase.optimizer.param_groups[0]["initial_lr"]
        raise JobError(
            f"the training loss is {loss} in epoch {epoch}: the learning rate is too high. "
            f"Lower the hyperparameter {phase.lr_name} (now {lr:g})"
        )


@torch.no_grad()
def validate(phase: Phase) -> tuple[float, float]:
    """Return mean cross entropy and accuracy over the validation pictures."""
    phase.set_training(False)
    phase.criterion.eval()
    totals = Totals()
    for batch in phase.valid_batches():
        inputs, labels = batch if phase.to_device is None else phase.to_device(batch)
        with mixed_precision(inputs.device):
            logits = phase.network(inputs)
        phase.criterion(logits.float(), labels)  # what a debugger hook records
        totals.add(logits, labels)
    return totals.means(phase.replicas)


class Totals:
    """Sums over batches of any size; the means are over pictures, not over batches.

    Logits wait for others: one sum over many batches costs what it costs over one.
    """

    def __init__(self) -> None:
        self._loss: Tensor | float = 0.0
        self._correct: Tensor | int = 0
        self._count = 0
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._rows = 0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits (N, classes), class numbers (N,)."""
        self._waiting.append((logits.detach(), labels))
        self._rows += len(labels)
        if self._rows >= _ROWS_TO_SUM:
            self._sum()

    def _sum(self) -> None:
        if not self._waiting:
            return
        logits, labels = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
        losses = functional.cross_entropy(logits.float(), labels, reduction="none")
        self._loss = self._loss + losses.double().sum()
        self._correct = self._correct + (logits.argmax(1) == labels).sum()
        self._count += len(labels)
        self._waiting, self._rows = [], 0

    def means(self, replicas: Replicas = ALONE) -> tuple[float, float]:
        """Return mean cross entropy and share of correct answers, over all processes' batches."""
        self._sum()
        sums = torch.tensor([self._loss, self._correct, self._count], dtype=torch.float64)
        loss, correct, count = replicas.total(sums).tolist()
        return loss / count, correct / count


def make_optimizer(
    settings: Hyperparameters, groups: list[dict[str, object]], steps: int
) -> tuple[Optimizer, LRScheduler]:
    """Make the optimizer, and the schedule of its learning rates: to 0 along a cosine, by step."""
    options = OPTIMIZERS[settings.optimizer](settings)
    make: type[Optimizer] = getattr(torch.optim, settings.optimizer)
    optimizer = make(groups, weight_decay=settings.weight_decay, **options)  # type: ignore[call-arg]
    return optimizer, CosineAnnealingLR(optimizer, T_max=steps)


def trained_parameters(network: nn.Module) -> Parameters:
    """Return a copy of the parameters that training changes, by name."""
    return {
        name: value.detach().clone()
        for name, value in network.named_parameters()
        if value.requires_grad
    }


@torch.no_grad()
def restore(network: nn.Module, parameters: Parameters) -> None:
    """Put back the parameters that `trained_parameters` copied."""
    own = dict(network.named_parameters())
    for name, value in parameters.items():
        own[name].copy_(value)


def _log_again(history: Sequence[EpochResult], best: Checkpoint | None) -> None:
    """Print the metric lines of epochs before an interruption: a log is read by itself."""
    for result in history:
        if best is None or better(result, best):
            best = Checkpoint(result, {})
        log(f"{result.line()} {best.metrics()}")


def better(result: EpochResult, best: Checkpoint) -> bool:
    """Check whether an epoch beats the best one so far."""
    return _rank(result) > _rank(best.result)


def _rank(result: EpochResult) -> tuple[float, float]:
    loss = result.valid_loss if math.isfinite(result.valid_loss) else math.inf
    return result.valid_accuracy, -loss
