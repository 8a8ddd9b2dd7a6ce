"""What is read from a training's log, however it looks."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.training_loop import Checkpoint, EpochResult
from pipeline.report.sections.history import Epoch, best_epoch, epochs_of_log

_SHARES = st.floats(0, 1)
_LOSSES = st.floats(0, 1e6)


@given(st.lists(st.tuples(_LOSSES, _SHARES, _LOSSES, _SHARES), max_size=5), st.text())
@settings(max_examples=30)
def test_a_trainings_own_lines_are_read_back(
    epochs: list[tuple[float, float, float, float]], noise: str
) -> None:
    results = [EpochResult(number, *values) for number, values in enumerate(epochs, start=1)]
    lines = [noise, *(f"{one.line()} {Checkpoint(one, {}).metrics()}" for one in results)]
    found = epochs_of_log(lines)
    assert [one.epoch for one in found] == [one.epoch for one in results]
    for read, written in zip(found, results, strict=True):
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            assert getattr(read, name) == pytest.approx(getattr(written, name), abs=1e-6)


@given(st.lists(st.text() | st.from_regex(r"epoch=\S+ train_loss=\S+ train_accuracy=\S+ .*")))
@settings(max_examples=50)
def test_no_line_of_a_log_is_a_fault(lines: list[str]) -> None:
    assert len(epochs_of_log(lines)) <= len(lines)


def test_a_retried_epoch_counts_as_it_was_last() -> None:
    line = "epoch=1 train_loss={} train_accuracy=0.5 valid_loss=1 valid_accuracy=0.5"
    (found,) = epochs_of_log([line.format("2.0"), line.format("nan"), "epoch=x", line.format("3")])
    assert found.train_loss == 3.0


def test_the_best_epoch_is_the_one_that_training_keeps() -> None:
    rows = [(0.5, 1.0), (0.75, 0.9), (0.75, 0.8), (0.75, 0.8), (0.9, math.nan)]
    epochs = [Epoch(n, 1.0, 0.5, loss, share) for n, (share, loss) in enumerate(rows, start=1)]
    assert best_epoch(epochs) == 3
    assert best_epoch([]) is None
