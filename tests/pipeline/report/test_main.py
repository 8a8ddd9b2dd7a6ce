"""python -m pipeline.report, as it is typed."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.report.__main__ import main
from tests.pipeline.report.report_support import SCORES, Finished
from tests.pipeline.schema.schema_support import document

ARN = "arn:aws:sagemaker:us-east-1:111122223333:pipeline"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(finished: Finished, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the command on the finished run's state; answers exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(main, [*arguments, "--state", str(finished.store.root)])
        return code, *capsys.readouterr()

    return run


def test_without_a_run_they_are_listed(call: Call, finished: Finished) -> None:
    code, out, _ = call()
    assert code == 0
    assert finished.result.execution_id in out
    assert "75.0% (40.9 to 92.9)" in out
    assert " ffffffffffff" in out
    assert "training.lr=0.2 tuning.strategy=Grid tuning.objective=score and " in out
    (listed,) = document("report", call("--json")[1])
    assert (listed["arn"], listed["status"]) == (finished.arn, "Succeeded")
    assert (listed["accuracy"], listed["version"]) == (0.75, None)
    assert {"tuning.ranges.lr", "data.seed"} <= {one["key"] for one in listed["differs"]}


def test_a_report_lies_with_its_run_and_its_numbers_beside_it(
    call: Call, finished: Finished
) -> None:
    code, out, errors = call("newest")
    folder = finished.store.path(f"s3://bucket/runs/{finished.result.execution_id}/report")
    assert (code, errors) == (0, "")
    assert out == f"report {folder / 'report.html'}\n"
    assert "&lt;pug&gt;" in (folder / "report.html").read_text()
    trials = list(csv.DictReader((folder / "metrics" / "Tune.csv").open()))
    assert {row["rate"]: float(row["value"]) for row in trials} == SCORES
    epochs = [
        list(csv.DictReader(path.open())) for path in (folder / "metrics" / "trials").iterdir()
    ]
    assert [len(rows) for rows in epochs] == [3] * len(SCORES)
    written = json.loads((folder / "definition.json").read_text())
    assert [step["Name"] for step in written["Steps"]] == ["Prepare", "Tune", "Train", "Evaluate"]


def test_a_report_goes_where_it_is_told_and_as_json(
    call: Call, finished: Finished, tmp_path: Path
) -> None:
    code, out, _ = call(finished.result.execution_id, "--out", str(tmp_path / "r"), "--json")
    found = document("report RUN", out)
    assert (code, found["evaluation"]["accuracy"]) == (0, 0.75)
    assert found["missing"].keys() == {"tensors", "before", "review"}
    for file in found["files"]:
        assert (tmp_path / "r" / file["path"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nothing",), 2, "no run 'nothing'; the newest are: "),
        (("newest", "--upload"), 2, "add --aws"),
        (("tensors", "newest"), 1, "no tensors were saved"),
        (("compare", "newest"), 1, "it is the first run of pipeline that is there"),
        (("compare", "newest", "newest"), 2, "is the same: name another"),
        (("compare", "newest", "nothing"), 2, "no run 'nothing'; the newest are: "),
        ((f"{ARN}/p/execution/abcdefghijkl",), 2, "there is no run"),
    ],
)
def test_mistakes_are_one_line(
    call: Call, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended, _, errors = call(*arguments)
    assert (ended, message in errors) == (code, True)
    assert len(errors.splitlines()) == 1


def test_a_machine_without_runs_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(main, ["newest", "--state", str(tmp_path / "none")]) == 2
    assert "python -m pipeline.run --local" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
