"""A benchmark that is broken ends the smoke test; what was recorded can be shown."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.__main__ import RESULTS, main
from benchmarks.context import BenchmarkError
from benchmarks.smoke import check_recorded, write_few


def test_what_was_recorded_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    check_recorded(RESULTS)
    assert "the runner's own time" in capsys.readouterr().out


def test_a_result_that_its_benchmark_cannot_show_is_named(tmp_path: Path) -> None:
    shutil.copy(RESULTS / "overhead.json", tmp_path)
    result = json.loads((tmp_path / "overhead.json").read_text())
    del result["trial_seconds"]
    (tmp_path / "overhead.json").write_text(json.dumps(result))
    with pytest.raises(BenchmarkError, match=r"overhead\.json cannot be shown.*trial_seconds"):
        check_recorded(tmp_path)


def test_a_benchmark_that_cannot_be_run_ends_it_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_context: object) -> object:
        raise BenchmarkError("the local run failed")

    monkeypatch.setattr("benchmarks.training.run", broken)
    monkeypatch.setattr("benchmarks.__main__.check_recorded", lambda _: None)
    monkeypatch.setattr("benchmarks.__main__.default_state", lambda: tmp_path / "state")
    assert main(["--smoke"]) == 1
    assert "error: the local run failed" in capsys.readouterr().err
    assert not list((tmp_path / "state").iterdir())


def test_few_pictures_are_in_every_split(tmp_path: Path) -> None:
    few = write_few(tmp_path / "few")
    for split in ("train", "valid", "test"):
        assert len(list((few / split).iterdir())) == 3, split
