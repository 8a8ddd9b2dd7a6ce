"""Which picture is learned from when, and in which of its views."""

import numpy as np
import pytest

from hyperparameters import Hyperparameters
from learning.activation_cache import Pictures
from learning.distributed import ALONE, Replicas
from learning.fine_tuning_data import Plan
from pictures.dataset import Split
from preprocessing import Preprocessing

ROWS = 11


def plan(replicas: Replicas = ALONE, **settings: int) -> Plan:
    """Eleven pictures in batches of four."""
    split = Split(np.zeros((ROWS, 3, 4, 4), np.uint8), np.arange(ROWS), ("",) * ROWS)
    preprocessing = Preprocessing(4, 4, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    pictures = Pictures(split, replicas.own(np.arange(ROWS)), preprocessing, seed=0)
    return Plan(pictures, pictures, Hyperparameters(batch_size=4, **settings), replicas)


def epoch_of(planned: Plan, epoch: int) -> tuple[list[int], list[int]]:
    """Rows in the order of learning, and their views."""
    batches = list(planned.train_rows(epoch))
    assert [len(rows) for rows, _ in batches] == [4, 4, 3]
    rows, views = (np.concatenate(parts).tolist() for parts in zip(*batches, strict=True))
    return rows, views


def test_every_epoch_has_every_picture_once_in_an_order_of_its_own() -> None:
    orders = [epoch_of(plan(seed=seed), epoch)[0] for seed in (0, 1) for epoch in (1, 2)]
    assert [sorted(order) for order in orders] == [list(range(ROWS))] * 4
    assert len({tuple(order) for order in orders}) == 4


def test_a_pictures_views_take_turns() -> None:
    planned = plan(fine_tune_views=3, fine_tune_epochs=6)
    epochs = [dict(zip(*epoch_of(planned, epoch), strict=True)) for epoch in range(5, 11)]
    for row in range(ROWS):
        views = [views_of[row] for views_of in epochs]
        assert sorted(views[:3]) == [1, 2, 3]
        assert views[:3] == views[3:]


@pytest.mark.parametrize(("asked", "views"), [(0, 5), (2, 2), (5, 5), (9, 5)])
def test_there_are_no_more_views_than_epochs(asked: int, views: int) -> None:
    assert plan(fine_tune_views=asked, fine_tune_epochs=5).views == views


def test_of_several_processes_each_learns_from_its_own_rows() -> None:
    first, second = (
        [set(rows.tolist()) for rows, _ in plan(Replicas(rank, 2)).train_rows(1)] for rank in (0, 1)
    )
    assert set().union(*first) == set(range(0, ROWS, 2))
    whole = list(plan().train_rows(1))
    assert [one | other for one, other in zip(first, second, strict=True)] == [
        set(rows.tolist()) for rows, _ in whole
    ]
