"""The benchmark of knowing: its parts in one result, and what they do not reach."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import drift, explaining, knowing, labels, unknown
from benchmarks.__main__ import main
from benchmarks.context import Context


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """Parts that measure nothing; their contexts, as they come."""
    seen: list[Context] = []

    def run(context: Context) -> dict[str, Any]:
        seen.append(context)
        return {"found": len(seen)}

    missing: dict[ModuleType, list[str]] = {
        unknown: ["0.61 found"],
        labels: ["not reached: 0.55 found"],
        drift: [],
        explaining: [],
    }
    for part, missed in missing.items():
        monkeypatch.setattr(part, "run", run)
        monkeypatch.setattr(part, "table", lambda result: f"table {result['found']}")
        monkeypatch.setattr(part, "problems", lambda _result, missed=missed: missed)
    return seen


def test_the_command_writes_every_part_and_fails_with_what_is_not_reached(
    parts: list[Context], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "dogs"
    (data / "train").mkdir(parents=True)
    command = ["knowing", "--quick", "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(command) == 1
    result = json.loads((tmp_path / "out" / "knowing-dogs.json").read_text())
    assert result["parts"] == {
        "unknown": {"quick": True, "found": 1},
        "labels": {"quick": True, "found": 2},
        "drift": {"quick": True, "found": 3},
        "explaining": {"quick": True, "found": 4},
    }
    assert result["not_reached"] == ["unknown: 0.61 found", "labels: 0.55 found"]
    captured = capsys.readouterr()
    assert (
        "table 1\n\ntable 2\n\ntable 3\n\ntable 4\n\nnot reached: unknown: 0.61 found"
        in captured.out
    )
    assert "labels: 0.55 found" in captured.err
    first, second, *_ = parts
    assert first.cache == second.cache
    assert first.work != second.work


def test_what_is_reached_is_said(parts: list[Context], monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (unknown, labels, drift, explaining):
        monkeypatch.setattr(part, "problems", lambda _result: [])
    result = {"parts": {"labels": {"found": 7}}}
    assert knowing.table(result).startswith("table 7\n\nnot reached: nothing")
    assert parts == []
