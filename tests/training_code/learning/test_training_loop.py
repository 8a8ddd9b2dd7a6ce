"""The loop: honest means, and the best epoch kept."""

import math
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from debugger.session import Debugger
from hyperparameters import Hyperparameters
from job.errors import JobError
from learning import training_loop
from learning.training_loop import (
    Checkpoint,
    ClassificationLoss,
    EpochResult,
    Phase,
    Totals,
    fit,
    make_optimizer,
    train_one_epoch,
    trained_parameters,
    validate,
)
from network import Head
from profiler.session import Profiler

FEATURES = torch.eye(4).repeat(5, 1)
LABELS = torch.arange(4).repeat(5)


def batches(labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for index in torch.arange(len(labels)).split(8):
        yield FEATURES[index], labels[index]


def phase_of(network: nn.Module, good_epochs: set[int], lr: float = 0.5) -> Phase:
    """Learns the right labels in the good epochs, and wrong ones in all others."""
    settings = Hyperparameters(lr=lr, optimizer="SGD", weight_decay=0)
    groups: list[dict[str, object]] = [{"params": list(network.parameters()), "lr": lr}]
    optimizer, schedule = make_optimizer(settings, groups, 1000)
    return Phase(
        network=network,
        optimizer=optimizer,
        schedule=schedule,
        criterion=ClassificationLoss(),
        train_batches=lambda epoch: batches(LABELS if epoch in good_epochs else (LABELS + 1) % 4),
        valid_batches=lambda: batches(LABELS),
        set_training=network.train,
        lr_name="lr",
    )


def test_means_are_over_pictures_whatever_the_batches() -> None:
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    logits, labels = logits.repeat(900, 1), torch.tensor([0, 0, 0, 1, 1]).repeat(900)
    found = []
    for size in (7, 2048, 4500):  # sums are taken after every 2,048 pictures
        totals = Totals()
        for part, wanted in zip(logits.split(size), labels.split(size), strict=True):
            totals.add(part, wanted)
        found.append(totals.means())
    for loss, accuracy in found:
        assert accuracy == pytest.approx(4 / 5)  # not 4 / number of batches
        assert loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item())


def test_the_best_epoch_is_kept_when_the_last_is_worse() -> None:
    head = Head(4, 4)
    head.linear.bias.requires_grad_(False)
    best, history = fit(phase_of(head, {1, 2}), range(1, 6), None, Debugger())
    assert set(best.parameters) == {"linear.weight"}
    assert [result.epoch for result in history] == [1, 2, 3, 4, 5]
    assert history[-1].valid_accuracy < best.result.valid_accuracy == 1.0
    assert best.result.epoch in (1, 2)
    assert (head(FEATURES).argmax(1) == LABELS).all()
    for name, value in trained_parameters(head).items():
        assert torch.equal(value, best.parameters[name])


@pytest.mark.parametrize(
    ("validations", "best_epoch"),  # loss and accuracy after each epoch
    [
        ([(0.5, 0.8), (0.4, 0.9), (0.1, 0.7)], 2),  # the highest accuracy
        ([(0.5, 0.9), (0.4, 0.9), (0.6, 0.9)], 2),  # among equals the lowest loss
        ([(0.4, 0.9), (0.4, 0.9), (0.4, 0.9)], 1),  # equal in both: the first
        ([(math.nan, 0.9), (7.0, 0.9), (math.inf, 0.9)], 2),  # any loss beats one that is none
    ],
)
def test_the_best_epoch_and_ties(
    validations: list[tuple[float, float]],
    best_epoch: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = iter(validations)
    monkeypatch.setattr(training_loop, "validate", lambda phase: next(found))
    best, _ = fit(phase_of(Head(4, 4), {1, 2, 3}), range(1, 4), None, Debugger())
    assert best.result.epoch == best_epoch
    assert capsys.readouterr().out.endswith(f" {best.metrics()}\n")


def test_an_earlier_best_is_only_replaced_by_a_better_one() -> None:
    head = Head(4, 4)
    first, _ = fit(phase_of(head, {1, 2}), range(1, 3), None, Debugger())
    second, history = fit(phase_of(head, set()), range(3, 6), first, Debugger())
    assert second is first
    assert history[-1].valid_accuracy < first.result.valid_accuracy
    assert (head(FEATURES).argmax(1) == LABELS).all()


def test_dropout_smoothing_and_gradients_are_for_learning_alone() -> None:
    network = nn.Sequential(nn.Dropout(), Head(4, 4))
    phase = phase_of(network, {1, 2})
    seen = []
    for module in (network, phase.criterion):
        module.register_forward_hook(
            lambda module, *_: seen.append((module.training, torch.is_grad_enabled()))
        )
    debugger = Mock(Debugger)
    debugger.steps.side_effect = iter
    best, _ = fit(phase, range(1, 3), None, debugger)
    asked = ["training", "steps", "validating", "check"]
    assert [call[0] for call in debugger.method_calls] == asked * 2
    batches_of_an_epoch = [(True, True)] * 2 * 3 + [(False, False)] * 2 * 3
    assert seen == batches_of_an_epoch * 2
    assert validate(phase) == (best.result.valid_loss, best.result.valid_accuracy)


def test_the_learning_rate_falls_with_every_step() -> None:
    phase = phase_of(Head(4, 4), {1, 2})
    fit(phase, range(1, 3), None, Debugger())
    assert phase.schedule.last_epoch == 6


def test_a_loss_that_is_no_number_stops_training_and_names_the_learning_rate() -> None:
    with pytest.raises(
        JobError, match=r"(nan|inf) in epoch \d.*Lower the hyperparameter lr \(now 3e\+38"
    ):
        fit(phase_of(Head(4, 4), {1}, lr=3e38), range(1, 4), None, Debugger())


def test_a_loss_without_bounds_stops_training_too() -> None:
    head = Head(4, 4)
    with torch.no_grad():
        head.linear.weight.copy_(3e38 * (2 * torch.eye(4) - 1))
    with pytest.raises(JobError, match="the training loss is inf in epoch 1"):
        fit(phase_of(head, set()), range(1, 2), None, Debugger())


def test_of_no_pictures_the_loss_is_zero_and_moves_nothing() -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = ClassificationLoss()(logits, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert loss == 0


def test_smoothing_is_for_learning_only() -> None:
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    loss = ClassificationLoss(label_smoothing=0.3)
    smoothed = loss.train()(logits, labels)
    plain = loss.eval()(logits, labels)
    assert plain == torch.nn.functional.cross_entropy(logits, labels)
    assert smoothed == torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.3)


@pytest.mark.parametrize(
    ("name", "learned", "decayed"),
    [("SGD", 1 - 0.1 * 1.9, 1 - 0.1 * 1.9 * 0.5), ("Adam", 0.9, 0.9), ("AdamW", 0.9, 0.95)],
)
def test_every_optimizer_learns_and_decays_in_its_own_way(
    name: str, learned: float, decayed: float
) -> None:
    for gradient, decay, expected in ((1.0, 0.0, learned), (0.0, 0.5, decayed)):
        weight = nn.Parameter(torch.ones(1))
        settings = Hyperparameters(optimizer=name, weight_decay=decay)
        optimizer, _ = make_optimizer(settings, [{"params": [weight], "lr": 0.1}], 10)
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        assert weight.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_every_optimizer_follows_the_cosine_to_zero(name: str) -> None:
    settings = Hyperparameters(lr=0.2, optimizer=name)
    head = Head(4, 4)
    groups: list[dict[str, object]] = [{"params": list(head.parameters()), "lr": 0.2}]
    optimizer, schedule = make_optimizer(settings, groups, 10)
    rates = []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        head(FEATURES).sum().backward()
        optimizer.step()
        schedule.step()
    assert rates[0] == 0.2
    assert rates[5] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0)


def test_the_metric_line_is_exactly_this() -> None:
    result = EpochResult(3, 0.1234561, 0.912345, 0.234567, 0.801234)
    best = "best_valid_loss=0.234567 best_valid_accuracy=0.801234"
    assert Checkpoint(result, {}).metrics() == best
    kept = "kept epoch 3: validation accuracy 0.801234, loss 0.234567"
    assert Checkpoint(result, {}).line() == kept
    assert result.line() == (
        "epoch=3 train_loss=0.123456 train_accuracy=0.912345"
        " valid_loss=0.234567 valid_accuracy=0.801234"
    )


class OnGpu(Tensor):
    """Says that it is on a GPU."""

    device = torch.device("cuda")  # type: ignore[assignment]
    is_cuda = True


@pytest.mark.parametrize(("capability", "mixed"), [((8, 0), True), ((7, 5), False)])
def test_only_a_gpu_made_for_bfloat16_computes_in_it(
    capability: tuple[int, int], mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)  # emulated ones too
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    head, seen = Head(4, 4), []
    head.register_forward_hook(lambda *_: seen.append(torch.is_autocast_enabled("cuda")))
    on_gpu = replace(
        phase_of(head, {1}),
        to_device=lambda batch: (batch[0].as_subclass(OnGpu), batch[1]),
    )
    train_one_epoch(on_gpu, 1, Profiler())
    validate(on_gpu)
    assert seen == [mixed] * 6  # three batches each
