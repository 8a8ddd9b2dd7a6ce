"""Requests that wait run together, each gets its own rows, and none waits for company."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from micro_batching import Array, MicroBatcher
from tests.patience import PATIENCE


class Busy:
    """A network that doubles its input, can be held while it runs, and fails on some values."""

    def __init__(self, *poisons: float) -> None:
        self.poisons = poisons
        self.sizes: list[int] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, rows: Array) -> Array:
        self.sizes.append(len(rows))
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        if np.isin(rows, self.poisons).any():
            raise RuntimeError(f"run {len(self.sizes)} failed")
        return rows * 2


def row(value: float, count: int = 1) -> Array:
    return np.full((count, 3), value, np.float32)


def ask_while_busy(
    network: Busy, batcher: MicroBatcher, parts: list[Array]
) -> list[Future[tuple[Array, int]]]:
    """Asks for the first part, for the others while that runs; what came of each, in order."""
    with ThreadPoolExecutor(len(parts)) as pool:
        futures = [pool.submit(batcher.run, parts[0])]
        assert network.begun.wait(PATIENCE)
        for count, part in enumerate(parts[1:], start=1):
            futures.append(pool.submit(batcher.run, part))
            while batcher.waiting < count:  # so that they wait in this order
                assert not futures[0].done()
        network.go_on.set()
    return futures


def test_one_alone_runs_at_once() -> None:
    network = Busy()
    network.go_on.set()
    outputs, together = MicroBatcher(network, 8).run(row(1.5))
    assert (outputs.tolist(), together, network.sizes) == ([[3.0, 3.0, 3.0]], 1, [1])


def test_those_that_wait_run_together_and_get_their_own() -> None:
    network = Busy()
    parts = [row(float(number), number % 3 + 1) for number in range(7)]
    answers = [one.result() for one in ask_while_busy(network, MicroBatcher(network, 100), parts)]
    for part, (answer, _) in zip(parts, answers, strict=True):
        np.testing.assert_array_equal(answer, part * 2)
    waited = sum(len(part) for part in parts[1:])
    assert network.sizes == [1, waited]
    assert [together for _, together in answers] == [1] + [waited] * 6


def test_a_batch_is_never_larger_than_allowed_unless_one_caller_is() -> None:
    network = Busy()
    parts = [row(0), row(1, 2), row(2, 2), row(3, 9), row(4, 2)]
    answers = ask_while_busy(network, MicroBatcher(network, 4), parts)
    for part, answer in zip(parts, answers, strict=True):
        np.testing.assert_array_equal(answer.result()[0], part * 2)
    assert network.sizes == [1, 4, 9, 2]


def test_a_fault_reaches_all_who_ran_together_and_nobody_else() -> None:
    network = Busy(2, 4)
    parts = [row(value) for value in range(9)]
    asked = ask_while_busy(network, MicroBatcher(network, 2), parts)  # 0, then 1 and 2, 3 and 4, …
    assert network.sizes == [1, 2, 2, 2, 2]
    for value, one in enumerate(asked):
        if run := {1: 2, 2: 2, 3: 3, 4: 3}.get(value):
            with pytest.raises(RuntimeError, match=f"run {run} failed"):
                one.result()
        else:
            np.testing.assert_array_equal(one.result()[0], parts[value] * 2)


def test_many_threads_get_their_own_answers() -> None:
    batcher = MicroBatcher(lambda rows: rows + 1, 1)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda value: batcher.run(row(value))[0], range(500)))
    for value, answer in enumerate(answers):
        assert answer.tolist() == (row(value) + 1).tolist()
