"""The head on cached features: standardised, in random order and views, over whole epochs."""

import pytest
import torch

from debugger.session import Debugger
from extraction.feature_files import Features
from extraction.feature_statistics import mean_and_std
from hyperparameters import Hyperparameters
from learning.head_training import (
    head_phase,
    make_head,
    ordered_batches,
    random_batches,
)
from learning.training_loop import ClassificationLoss, fit


def features(views: int, rows: int, dimension: int = 1) -> Features:
    """Every feature another number, and every picture another class."""
    values = torch.arange(views * rows * dimension, dtype=torch.float32)
    return Features(values.reshape(views, rows, dimension), torch.arange(rows))


def test_the_head_starts_by_its_seed_and_standardises_with_the_features_of_all_views() -> None:
    values = torch.randn(2, 300, 5) * 3 + 1
    known = Features(values, torch.zeros(300, dtype=torch.int64))
    head, again, other = (make_head(known, 3, seed) for seed in (0, 0, 1))
    assert torch.equal(head.linear.weight, again.linear.weight)
    assert not torch.equal(head.linear.weight, other.linear.weight)
    rows = values.reshape(600, 5)
    torch.testing.assert_close(head.mean, rows.mean(0))
    torch.testing.assert_close(head.std, rows.std(0, correction=0))


def test_what_extract_features_has_computed_is_taken() -> None:
    values, given = torch.randn(2, 30, 5), (torch.arange(5.0), torch.arange(1.0, 6.0))
    head = make_head(Features(values, torch.zeros(30, dtype=torch.int64), given), 3, 0)
    assert torch.equal(head.mean, given[0]) and torch.equal(head.std, given[1])


@pytest.mark.parametrize("value", [3.0, 0.0, -3.0])
def test_a_feature_that_never_changes_is_left_as_it_is(value: float) -> None:
    _, std = mean_and_std(torch.full((1, 5, 2), value))
    assert std.tolist() == [1.0, 1.0]


def test_features_of_any_scale_are_standardised() -> None:
    values = torch.randn(1, 50, 2) * torch.tensor([1e-9, 1e9])
    mean, std = mean_and_std(values)
    standard = (values[0] - mean) / std
    torch.testing.assert_close(standard.std(0, correction=0), torch.ones(2))


def test_every_picture_is_learned_from_once_in_any_of_its_views() -> None:
    known = features(views=2, rows=40)
    (inputs, labels), *rest = random_batches(known, 40, seed=0, epoch=1)
    assert not rest
    assert sorted(labels.tolist()) == list(range(40))
    views, rows = inputs[:, 0].long() // 40, inputs[:, 0].long() % 40
    assert torch.equal(rows, labels)
    assert set(views.tolist()) == {0, 1}


def test_every_epoch_of_every_seed_has_an_order_of_its_own() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        batches = random_batches(features(3, 40), 16, seed, epoch)
        return tuple(int(value) for inputs, _ in batches for value in inputs)

    assert order(0, 1) == order(0, 1)
    assert len({order(seed, epoch) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_validation_sees_the_plain_view_of_every_picture_in_order() -> None:
    known = features(views=2, rows=5000)  # several chunks
    inputs, labels = (torch.cat(parts) for parts in zip(*ordered_batches(known), strict=True))
    assert torch.equal(inputs, known.values[0])
    assert torch.equal(labels, known.labels)


def test_the_head_learns_in_training_mode_until_its_rate_is_zero() -> None:
    known = Features(torch.randn(1, 10, 4), torch.arange(10) % 3)
    settings = Hyperparameters(epochs=2, batch_size=4, seed=7, lr=0.5)
    head, seen = make_head(known, 3, seed=0), []
    head.register_forward_hook(lambda module, *_: seen.append(module.training))
    phase = head_phase(head, ClassificationLoss(), known, known, settings)
    assert phase.optimizer.param_groups[0]["lr"] == 0.5
    (_, labels), *_ = phase.train_batches(1)
    (_, of_seed), *_ = random_batches(known, 4, seed=7, epoch=1)
    assert torch.equal(labels, of_seed)
    fit(phase, range(1, 3), None, Debugger())
    assert seen == [True, True, True, False] * 2  # the last batch of an epoch has two pictures
    assert phase.optimizer.param_groups[0]["lr"] == pytest.approx(0)
