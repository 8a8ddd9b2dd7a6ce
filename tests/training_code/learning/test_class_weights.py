"""Rare classes weigh more: as scikit-learn balances them, or half of the way there."""

import pytest
import torch
from torch.nn import functional

from learning.class_weights import CLASS_WEIGHTS, weights_of
from learning.training_loop import ClassificationLoss

COUNTS = ([2, 6, 4], [100, 7, 40, 3], [1, 1, 1])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # sklearn.utils.class_weight.compute_class_weight("balanced", ...) of scikit-learn 1.8.0
        ([2, 6, 4], [2.0, 0.6666666666666666, 1.0]),
        ([100, 7, 40, 3], [0.375, 5.357142857142857, 0.9375, 12.5]),
        ([1, 1, 1], [1.0, 1.0, 1.0]),
    ],
)
def test_balanced_is_what_scikit_learn_calls_balanced(
    counts: list[int], expected: list[float]
) -> None:
    assert weights_of(counts, "balanced") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("counts", COUNTS)
def test_the_square_root_lies_between_and_keeps_the_ratios_roots(counts: list[int]) -> None:
    balanced, root = weights_of(counts, "balanced"), weights_of(counts, "sqrt")
    assert balanced is not None and root is not None
    ratios = [weight / root[0] for weight in root]
    assert ratios == pytest.approx([(weight / balanced[0]) ** 0.5 for weight in balanced])


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("kind", ["balanced", "sqrt"])
def test_a_pictures_mean_weight_is_one(counts: list[int], kind: str) -> None:
    weights = weights_of(counts, kind)
    assert weights is not None
    total = sum(weight * count for weight, count in zip(weights, counts, strict=True))
    assert total == pytest.approx(sum(counts))


def test_a_class_without_pictures_changes_no_other_weight() -> None:
    assert weights_of([5, 0, 10], "balanced") == pytest.approx([1.5, 1.0, 0.75])


def test_none_weighs_nothing() -> None:
    assert weights_of([5, 1], "none") is None
    assert set(CLASS_WEIGHTS) == {"none", "balanced", "sqrt"}


def test_a_weight_of_two_counts_as_a_picture_seen_twice() -> None:
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    twice = torch.cat([torch.arange(6), torch.tensor([1, 4])])
    loss = ClassificationLoss(torch.tensor([1.0, 2.0, 1.0]), label_smoothing=0.2)
    plain = functional.cross_entropy(
        logits[twice], labels[twice], label_smoothing=0.2, reduction="sum"
    )
    assert loss(logits, labels) * 6 == pytest.approx(float(plain))


def test_the_shares_of_a_batch_make_up_its_mean_however_it_is_divided() -> None:
    logits, labels = torch.randn(7, 2), torch.tensor([0, 0, 0, 0, 0, 1, 1])
    loss = ClassificationLoss(torch.tensor([0.5, 3.0]))
    parts = [
        loss(logits[rows], labels[rows]) * len(labels[rows]) for rows in (slice(5), slice(5, 7))
    ]
    assert sum(parts) / 7 == pytest.approx(float(loss(logits, labels)))
