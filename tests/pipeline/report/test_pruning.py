"""python -m pipeline.report prune, as people type it."""

from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.store import Store
from pipeline.report.__main__ import main
from tests.pipeline.local.pruning.pruning_support import IDS, Runs
from tests.pipeline.schema.schema_support import document


def prune(store: Store, *words: str) -> int:
    return run_command(main, ["prune", *words, "--state", str(store.root)])


def test_it_says_what_it_frees_and_what_stays(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(store)
    for approval in ("Approved", "Rejected", "PendingManualApproval"):
        runs.add(approval=approval)
    assert prune(store, "--keep", "1", "--dry-run") == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith(IDS[1]))
    assert "dogs/2 (Rejected)" in row
    assert f"stays: {IDS[0]}: version dogs/1 is approved" in out
    assert "1 run would be removed, 2 stay" in out
    assert runs.left() == ["a", "b", "c"]
    assert prune(store, "--keep", "1", "--json") == 0
    answer = document("report prune", capsys.readouterr().out)
    assert [run["run"] for run in answer["removed"]] == [IDS[1]]
    assert answer["bytes"] >= 20_000
    assert runs.left() == ["a", "c"]


@pytest.mark.parametrize(
    ("age", "left"), [("12h", "d"), ("1d", "d"), ("2w", "abcd"), ("P1M", "abcd")]
)
def test_ages(store: Store, age: str, left: str) -> None:
    runs = Runs(store)
    for _ in range(4):
        runs.add()
    assert prune(store, "--keep", "1", "--older-than", age) == 0
    assert runs.left() == list(left)


@pytest.mark.parametrize(
    "words", [(), ("--keep", "0"), ("--keep", "1", "--older-than", "soon")], ids=str
)
def test_what_is_not_understood_is_refused(store: Store, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        prune(store, *words)


def test_where_nothing_ran_nothing_is_made(tmp_path: Path) -> None:
    state = tmp_path / "none"
    assert run_command(main, ["prune", "--keep", "1", "--state", str(state)]) == 2
    assert not state.exists()


def test_a_damaged_state_is_not_pruned(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs(store)
    for _ in range(3):
        runs.add()
    store.put("Model", "odd", {})
    assert prune(store, "--keep", "1", "--dry-run") == 1
    assert "(KeyError: 'ModelArn'): nothing is pruned" in capsys.readouterr().err
    store.put("Endpoint", "odd", {})
    for words in (("--dry-run",), ()):
        assert prune(store, "--keep", "1", *words) == 1
        error = capsys.readouterr().err
        assert "may not say what is still needed (Endpoint odd: it has no" in error
        assert f"python -m pipeline.local repair --state {store.root}" in error
    assert runs.left() == ["a", "b", "c"]
