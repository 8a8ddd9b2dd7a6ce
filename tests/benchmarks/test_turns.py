"""Tasks that share a process run one at a time, and each one's own time is what is counted."""

from functools import partial

import pytest

from benchmarks import turns as turns_module
from benchmarks.turns import Turns


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN_S", 0.0)


def test_all_items_come_in_order_and_nobody_runs_beside_another() -> None:
    turns = Turns(["a", "b", "c"], seed=0)
    seen: dict[str, list[int]] = {name: [] for name in "abc"}
    order: list[str] = []
    running: list[str] = []

    def task(name: str) -> None:
        for item in turns.share(name, range(20)):
            running.append(name)
            assert running == [name]
            running.clear()
            order.append(name)
            seen[name].append(item)

    turns.run({name: partial(task, name) for name in "abc"})
    assert all(items == list(range(20)) for items in seen.values())
    assert {*order[:3]} == {*order[3:6]} == {"a", "b", "c"}  # each has its turn in every round
    assert order[:3] != order[3:6] or order[3:6] != order[6:9]  # in new orders


def test_seconds_are_those_of_ones_own_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(turns_module, "_clocks", lambda: (now[0], 2 * now[0]))
    turns = Turns(["quick", "slow"], seed=0)

    def task(name: str, seconds: float) -> None:
        for _ in turns.share(name, range(5)):
            now[0] += seconds

    turns.run({"quick": partial(task, "quick", 1.0), "slow": partial(task, "slow", 10.0)})
    assert turns.wall == {"quick": 5.0, "slow": 50.0}
    assert turns.cpu == {"quick": 10.0, "slow": 100.0}


def test_a_task_that_fails_lets_the_others_finish() -> None:
    turns = Turns(["bad", "good"], seed=0)
    done: list[int] = []

    def bad() -> None:
        raise ValueError("no")

    def good() -> None:
        done.extend(turns.share("good", range(5)))

    with pytest.raises(ValueError, match="no"):
        turns.run({"bad": bad, "good": good})
    assert done == list(range(5))
