"""Learning from all pictures at once: to the minimum, without a learning rate, decay by decay."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from debugger.session import Debugger
from extraction.feature_files import Features
from hyperparameters import Hyperparameters
from job.errors import JobError
from learning import head_training
from learning.full_batch import change_decay, decays
from learning.head_training import head_phase, make_head
from learning.training_loop import ClassificationLoss, Phase, fit
from network import Head
from profiler.session import Profiler

USUAL = Hyperparameters(optimizer="LBFGS", epochs=12, weight_decay=0.01)


def pictures(count: int = 90, views: int = 1, seed: int = 1) -> Features:
    """Features of three classes that overlap."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    values = torch.randn(views, count, 8, generator=random)
    return Features(values + torch.eye(3, 8)[labels], labels)


def learn(settings: Hyperparameters, train: Features, **criterion: Any) -> tuple[Phase, Head]:
    """Train through all epochs; the head is that of the last one."""
    head = make_head(train, 3, settings.seed)
    phase = head_phase(head, ClassificationLoss(**criterion), train, pictures(seed=2), settings)
    for epoch in range(1, settings.epochs + 1):
        assert phase.train_epoch is not None
        phase.train_epoch(phase, epoch, Profiler())
    return phase, head


def gradient(head: Head, train: Features, decay: float, **criterion: Any) -> Tensor:
    """The gradient of the decayed loss over all views: 0 at its minimum."""
    head.zero_grad()
    rows, labels = train.values.flatten(0, 1), train.labels.repeat(len(train.values))
    loss = ClassificationLoss(**criterion)(head(rows), labels)
    (loss + decay / 2 * head.linear.weight.square().sum()).backward()
    return torch.cat(
        [value.grad.flatten() for value in head.parameters() if value.grad is not None]
    )


@pytest.mark.parametrize(
    ("epochs", "weakest", "expected"),
    [
        (3, 0.001, [0.1, 0.01, 0.001]),
        (1, 0.01, [0.01]),
        (3, 0.0, [0.1, (0.1 * 1e-6) ** 0.5, 0.0]),  # ratios lead to no 0
        (3, 2.0, [2, 2, 2]),
    ],
)
def test_the_decay_weakens_by_one_ratio(epochs: int, weakest: float, expected: list[float]) -> None:
    found = decays(replace(USUAL, epochs=epochs, weight_decay=weakest))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "criterion",
    [{}, {"label_smoothing": 0.2}, {"weight": torch.tensor([0.5, 1.0, 1.5])}],
    ids=["plain", "smoothed", "weighted"],
)
@pytest.mark.parametrize("views", [1, 3])
def test_it_ends_at_the_minimum_over_all_pictures_and_views(
    criterion: dict[str, Any], views: int
) -> None:
    train, settings = pictures(views=views), replace(USUAL, epochs=40)
    before = gradient(make_head(train, 3, 0), train, USUAL.weight_decay, **criterion)
    _, head = learn(settings, train, **criterion)
    after = gradient(head, train, USUAL.weight_decay, **criterion)
    assert after.norm() < before.norm() / 100


def test_gradients_are_compared_with_one_decay() -> None:
    train = pictures()
    phase, head = learn(replace(USUAL, epochs=3), train)
    (state,) = phase.optimizer.state.values()
    change_decay(phase.optimizer, 0.5)
    place = torch.nn.utils.parameters_to_vector(head.parameters()) - state["t"] * state["d"]
    torch.nn.utils.vector_to_parameters(place.detach(), head.parameters())
    expected = gradient(head, train, USUAL.weight_decay + 0.5)
    torch.testing.assert_close(state["prev_flat_grad"], expected, atol=1e-5, rtol=0)


def test_rate_batches_and_first_weights_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, usual = learn(USUAL, pictures())
    _, other = learn(replace(USUAL, lr=9.0, batch_size=1), pictures())
    assert torch.equal(other.linear.weight, usual.linear.weight)
    _, reseeded = learn(replace(USUAL, seed=1), pictures())
    torch.testing.assert_close(reseeded.linear.weight, usual.linear.weight, atol=0.02, rtol=0)
    monkeypatch.setattr(head_training, "CHUNK", 7)
    _, in_parts = learn(USUAL, pictures())
    torch.testing.assert_close(in_parts.linear.weight, usual.linear.weight, atol=0.01, rtol=0)


def test_its_means_are_of_the_head_that_an_epoch_ends_with() -> None:
    train, settings = pictures(views=2), replace(USUAL, epochs=2, label_smoothing=0.1)
    head = make_head(train, 3, 0)
    phase = head_phase(head, ClassificationLoss(label_smoothing=0.1), train, train, settings)
    _, history = fit(phase, range(1, 2), None, Debugger())
    rows, labels = train.values.flatten(0, 1), train.labels.repeat(2)
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(head(rows), labels)  # neither smoothed nor decayed
    assert history[0].train_loss == pytest.approx(float(loss), rel=1e-5)


def test_features_that_are_no_numbers_are_told() -> None:
    train = pictures()
    train.values[0, 3, 2] = torch.nan
    with pytest.raises(JobError, match="the training loss is nan in epoch 1: the features hold"):
        learn(USUAL, train)
