"""Two runs of a pipeline are compared, by a command and in the report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.store import Store
from pipeline.report.__main__ import main
from pipeline.report.collect import collect
from pipeline.report.sections.before import SECTION as BEFORE
from pipeline.report.sources.local_source import LocalSource
from tests.pipeline.local.runner_support import Lab, cached
from tests.pipeline.report.report_support import definition_of
from tests.pipeline.schema.schema_support import document

Call = Callable[..., str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    """Three runs: one, one that asks for more, and the first again, which stops in between."""
    lab = Lab(Store(tmp_path_factory.mktemp("runs")))
    written = definition_of(lab)
    written["Steps"] = [cached(step) for step in written["Steps"]]
    first = lab.run_definition(written, {})
    lost = lab.run_definition({**written, "Steps": written["Steps"][:1]}, {})
    last = lab.run_definition(written, {"AccuracyThreshold": "0.7"})
    return lab.store, [result.execution_arn for result in (first, lost, last)]


@pytest.fixture
def call(runs: tuple[Store, list[str]], capsys: pytest.CaptureFixture[str]) -> Call:
    def command(*arguments: str) -> str:
        assert run_command(main, [*arguments, "--state", str(runs[0].root)]) == 0
        return capsys.readouterr().out

    return command


def test_a_run_is_compared_with_the_one_before_that_has_results(
    call: Call, runs: tuple[Store, list[str]]
) -> None:
    first, _, last = (arn.rpartition("/")[2] for arn in runs[1])
    shown = [" ".join(line.split()) for line in call("compare", "newest").splitlines()]
    assert shown[0] == f"run {last} against run {first}"
    assert "accuracy +0.0000" in shown[1] and "paired on 8 pictures" in shown[1]
    start = shown.index(f"What differs Run {last} Run {first}")
    assert shown[start + 1] == "gate.accuracy_threshold 0.7 0.6"
    found = document("report compare", call("compare", last, first, "--json"))
    assert (found["first"], found["second"]) == (last, first)
    assert found["accuracy_difference"]["pairs"]["pictures"] == 8
    assert [one["key"] for one in found["settings"]] == ["gate.accuracy_threshold"]


def test_a_run_without_results_is_compared_by_its_settings(
    call: Call, runs: tuple[Store, list[str]]
) -> None:
    lost, last = (arn.rpartition("/")[2] for arn in runs[1][1:])
    shown = call("compare", last, lost)
    assert "their results cannot be compared: step Evaluate did not run" in shown
    assert "gate.accuracy_threshold" in shown
    untested = document("report compare", call("compare", last, lost, "--json"))
    assert (untested["metrics"], untested["accuracy_difference"]) == ([], None)
    assert untested["unknown"]


def test_runs_are_told_apart_in_a_list(call: Call, runs: tuple[Store, list[str]]) -> None:
    listed = document("report", call("--json"))
    assert [one["accuracy"] for one in listed] == [0.75, None, 0.75]
    differs = [[each["key"] for each in one["differs"]] for one in listed]
    assert differs[0][-2:] == ["data.seed", "gate.accuracy_threshold"]
    assert differs[1] == ["data.seed"]
    assert differs[2] == differs[0][:-1]


def test_a_report_compares_the_run_with_the_one_before(runs: tuple[Store, list[str]]) -> None:
    store, (first, _, last) = runs
    report = collect(LocalSource(store), last).report
    before = report.get(BEFORE)
    assert before is not None
    assert before.run == first.rpartition("/")[2]
    assert before.started is not None
    assert [one.key for one in before.comparison.settings or ()] == ["gate.accuracy_threshold"]
    assert collect(LocalSource(store), first).report.get(BEFORE) is None


def test_results_that_are_damaged_are_said_to_be(
    runs: tuple[Store, list[str]], tmp_path: Path
) -> None:
    store = Store(shutil.copytree(runs[0].root, tmp_path / "state"))
    (path,) = store.root.glob("s3/*/runs/*/Evaluate/evaluation/evaluation.json")
    path.write_text("{")
    report = collect(LocalSource(store), runs[1][-1]).report
    assert "evaluation.json is damaged" in report.missing["before"]
