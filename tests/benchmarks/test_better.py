"""What a change brought, counted on the same pictures."""

from pathlib import Path

import pytest

from benchmarks import better
from benchmarks.context import BenchmarkError, Context
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "data/train/a").mkdir(parents=True)
    (tmp_path / "mobilenet_v2-x.pth").write_text("")
    return Context(tmp_path / "data", tmp_path, tmp_path / "work", False, tmp_path / "cache")


@pytest.mark.parametrize("name", better.CHANGES)
def test_every_change_is_one_that_the_settings_take(name: str) -> None:
    settings = [f"{key}={value}" for key, value in better.CHANGES[name].settings.items()]
    load_settings(ROOT / "pipeline.yaml", "local", settings)


def test_a_change_is_compared_picture_by_picture(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {str(number): number < 50 for number in range(100)}
    after = {str(number): 10 <= number < 70 for number in range(100)}

    def run(_context: Context, change: better.Change, _seed: int) -> dict[str, bool]:
        return after if "features.views" in change.settings else before

    monkeypatch.setattr(better, "_run", run)
    found = better.run(context)
    assert found["changes"][better.UNCHANGED]["difference"] == 0
    views = found["changes"]["features.views=4"]
    assert (views["only_changed_right"], views["only_unchanged_right"]) == (40, 20)
    assert views["mean"] == 0.6
    assert views["difference_low"] < views["difference"] == 0.1 < views["difference_high"]
    assert "backbone.name=squeezenet1_1" not in found["changes"]  # it has no weights here
    assert "+10.0" in better.table(found)


def test_what_a_stop_kept_is_told_and_goes_on_from_the_cache(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(_context: Context, change: better.Change, _seed: int) -> dict[str, bool]:
        if change is not better.CHANGES[better.UNCHANGED]:
            raise KeyboardInterrupt
        return {"a": True}

    monkeypatch.setattr(better, "_run", stops)
    found = better.run(context)
    assert list(found["changes"]) == [better.UNCHANGED]
    assert "features.views=4" in found["not_measured"]
    monkeypatch.setattr(better, "_run", lambda *_: {"a": False})
    assert better.run(context)["changes"][better.UNCHANGED]["mean"] == 1


def test_a_stop_before_the_first_run_has_nothing_to_tell(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object) -> dict[str, bool]:
        raise KeyboardInterrupt

    monkeypatch.setattr(better, "_run", stops)
    with pytest.raises(BenchmarkError, match="stopped before the first run"):
        better.run(context)
