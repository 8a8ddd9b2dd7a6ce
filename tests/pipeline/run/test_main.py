"""The command line of a run: what it refuses, and with which words and exit codes."""

import json
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.aws.turns import NewerUpsertedError
from pipeline.aws.upsert import UpsertResult
from pipeline.command_line.running import ROOT, run_command
from pipeline.definition.given_parameters import parse_parameters
from pipeline.errors import UsageError
from pipeline.images.catalog import job_image, patched_until
from pipeline.run.__main__ import main
from tests.pipeline.aws.aws_support import BUCKET, EXECUTION, PIPELINE, Cloud
from tests.pipeline.run.test_selecting import small_definition
from tests.pipeline.schema.schema_support import document

pytestmark = pytest.mark.xdist_group("sdk")
SOME_TEXT = ROOT / "pipeline.yaml"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A state folder that keeps compiled definitions, so that only the first compile is slow."""
    return str(tmp_path_factory.mktemp("state"))


def run(state: str, *arguments: str) -> int:
    return run_command(main, [*arguments, "--state", state])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--local", "--set", "backbone.nme=x"], "backbone.name"),
        (["--local", "--set", "training.epochs=many"], "training.epochs"),
        (["--local", "--env", "prodution"], "production"),
        (["--local", "--set", f"backbone.weights={SOME_TEXT}"], "it is text, which begins"),
        (["--check", "--set", f"backbone.weights={SOME_TEXT}"], "it is text, which begins"),
        (["--definition", "--set", f"backbone.weights={SOME_TEXT}"], "it is text, which begins"),
        (["--upsert", "--set", f"backbone.weights={SOME_TEXT}"], "it is text, which begins"),
        (["--upsert", "--set", "backbone.name=resnet51"], "did you mean resnet50?"),
        (["--check", "--set", "training.fine_tune_blocks=99"], "the 17 blocks of resnet50"),
        (["--local", "--set", "tracking.mlflow_uri=http://a:b@host"], "MLFLOW_TRACKING_USERNAME"),
        (["--local", "--parameter", "AccuracyThreshold"], "Name=Value"),
        (["--local", "--data", "/no/such/folder"], "no such folder"),
        (["--local", "--data", ""], "names no folder"),
        (["--local", "--data", "file://"], "names no folder"),
        (["--local", "--data", "file://pictures"], "names another machine, 'pictures'"),
        (["--local", "--data", "file:///no/such/folder"], "no such folder"),
        (["--check", "/no/such/file.json"], "/no/such/file.json"),
        (["--diff", "/no/such/file.json"], "/no/such/file.json"),
        (["--diff"], "aws.account_id"),
        (["--diff", "/no/such/old.json", "/no/such/new.json"], "/no/such/old.json"),
        (["--diff", "a.json", "b.json", "c.json"], "two files"),
        (["--cost", "--parameter", "TuningMaxJob=3"], "TuningMaxJobs"),
        (["--check", "--start"], "go with --upsert"),
        (["--check", "--from", "Train"], "it goes with --local or --start"),
        (["--local", "--stop", "newest", "--from", "Train"], "it goes with --local or --start"),
        (["--local", "--source", "newest"], "add --from STEP"),
        (["--local", "--stop", "newest"], "python -m pipeline.run --local"),
        (["--local", "--retry", "newest"], "python -m pipeline.run --local"),
        (["--local", "--retry", "newest", "--wait"], "go with --upsert"),
        (["--local", "--retry", "newest", "--parameter", "A=1"], "are --from's"),
        (["--stop", "newest"], "aws.account_id"),
        (["--retry", "newest", "--wait"], "aws.account_id"),
        (["--upsert", "--wait"], "--start"),
        (["--upsert", "--data", "pictures"], "--local"),
        (["--upsert", "--data", ""], "--local"),
        (["--upsert"], "aws.account_id"),
        (["--watch", "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"], "aws.account_id"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--from", "Trian"], "did you mean Train?"),
        (["--from", "Register"], "start from Gate"),
        (["--from", "Train"], "no run has what step Train needs"),
        (["--from", "Train", "--source", "newest"], "python -m pipeline.run --local"),
        (["--from", "Train", "--parameter", "Bar=1"], "has no parameter 'Bar'"),
    ],
)
def test_a_run_that_cannot_begin_at_a_step_is_refused(
    given: list[str], says: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state, "--local", *given) == 2
    assert says in capsys.readouterr().err


def test_an_unknown_parameter_is_refused_before_anything_runs(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    given = ["--data", str(tmp_path), "--parameter", "AcuracyThreshold=1"]
    assert run(state, "--local", *given) == 2
    assert "did you mean AccuracyThreshold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("EndpointName=Dog-Breeds-production", "is where approved versions go"),
        ("AccuracyThreshold=50", "--parameter AccuracyThreshold=50: must be at most 1, not 50"),
        ("TuningMaxJobs=0", "--parameter TuningMaxJobs=0: must be at least 1"),
        ("TuningMaxParallelJobs=99", "99 is more than tuning.max_jobs"),
        ("TrainingInstanceType=m5", "'m5' must be an instance type, as in ml.m5.large"),
        ("ModelApprovalStatus=Aproved", "did you mean Approved?"),
        ("EndpointName=1", "no such folder"),  # text, though it looks like a number
    ],
)
def test_a_parameter_is_held_to_the_bounds_of_its_setting(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], parameter: str, says: str
) -> None:
    given = ["--data", str(tmp_path / "none"), "--parameter", parameter]
    assert run(state, "--local", *given) == 2
    assert says in capsys.readouterr().err


def test_a_run_begins_with_what_its_environment_replaces(
    state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_compiler(*_: object) -> None:
        raise UsageError("so far")

    monkeypatch.setattr("pipeline.run.locally.compile_and_stage", no_compiler)
    given = [
        "--set",
        "tuning.max_jobs=9",
        "--set",
        "backbone={name: vgg11, weights: none, seed: 1}",
    ]
    assert run(state, "--local", *given) == 2
    line, read, error = capsys.readouterr().err.splitlines()
    assert read.startswith("data: 6 classes: giraffe, ")
    assert error == "error: so far"
    assert line.startswith("settings: environments.local over pipeline.yaml: ")
    assert "training.epochs=15" in line
    assert "tuning.max_jobs" not in line  # given, so neither of the two
    assert "backbone" not in line


def test_one_action_at_a_time(state: str) -> None:
    for arguments in ([], ["--local", "--check"], ["--stop", "a", "--retry", "a"]):
        with pytest.raises(SystemExit) as ended:
            run(state, *arguments)
        assert ended.value.code == 2


def test_the_definition_is_printed_the_same_each_time(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state, "--definition") == 0
    kept = capsys.readouterr().out
    assert run(str(tmp_path / "another"), "--definition") == 0
    assert capsys.readouterr().out == kept
    assert json.loads(kept)["Version"] == "2020-12-01"


def test_our_own_definition_has_no_finding(
    state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.__main__._today", lambda: date(2026, 12, 1))
    assert run(state, "--check", "--env", "staging", "--json") == 0
    assert document("run --check", capsys.readouterr().out)["findings"] == []


WATCHED = ["--set", "monitor.enabled=true"]


def test_the_monitoring_pipeline_is_printed_checked_and_priced_like_the_first(
    state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.__main__._today", lambda: date(2026, 12, 1))
    assert run(state, "--monitoring", *WATCHED) == 0
    assert '"Name": "Monitor"' in capsys.readouterr().out
    assert run(state, "--check", "--json", *WATCHED) == 0
    assert document("run --check", capsys.readouterr().out)["findings"] == []
    assert run(state, "--cost", *WATCHED) == 0
    assert "30.4 times ml.m5.large x 1" in capsys.readouterr().out


def test_where_nothing_is_monitored_there_is_no_such_pipeline(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state, "--monitoring") == 2
    assert "--set monitor.enabled=true makes one" in capsys.readouterr().err


TRACKED = ["--set", "tracking.mlflow_uri=mlruns"]
ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"


@pytest.mark.parametrize(
    "asked", [["--local"], ["--watch", ARN], ["--upsert", "--start", "--wait"]], ids=" ".join
)
def test_a_run_that_is_to_be_tracked_needs_what_tracks_it(
    asked: list[str],
    state: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.report.tracking.package.is_installed", lambda: False)
    assert run(state, *asked, *TRACKED) == 2
    assert "pip install -c constraints.txt mlflow-skinny" in capsys.readouterr().err


@pytest.mark.parametrize(("installed", "rules"), [(False, ["tracking-package"]), (True, [])])
def test_a_check_says_that_runs_cannot_be_tracked_from_here(
    installed: bool,
    rules: list[str],
    state: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.run.__main__._today", lambda: date(2026, 12, 1))
    monkeypatch.setattr("pipeline.report.tracking.package.is_installed", lambda: installed)
    assert run(state, "--check", "--json", *TRACKED) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["rule"], one["severity"]) for one in findings] == [(r, "warning") for r in rules]


@pytest.mark.parametrize(
    ("budget", "found"),
    [
        ("{maximum_per_run: 1000, maximum_per_month: 1000}", []),
        ("{maximum_per_run: 0.5}", ["cost.maximum_per_run"]),
        ("{maximum_per_month: 0.5}", ["cost.maximum_per_month"]),
    ],
)
def test_what_costs_more_than_the_budget_fails_the_check(
    budget: str,
    found: list[str],
    state: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.run.__main__._today", lambda: date(2026, 12, 1))
    assert run(state, "--check", "--json", "--set", f"cost={budget}") == len(found)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [one["path"] for one in findings] == found


def test_tracking_changes_no_byte_of_the_definition(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "--definition")
    without = capsys.readouterr().out
    more = ["tracking.mlflow_uri=https://mlflow.example.com", "tracking.experiment=dogs"]
    run(state, "--definition", *(word for one in more for word in ("--set", one)))
    assert capsys.readouterr().out == without


@pytest.mark.parametrize(("days", "ended"), [(-90, (0, "image-ends")), (1, (1, "image-unpatched"))])
def test_a_check_knows_the_day(
    days: int,
    ended: tuple[int, str],
    state: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end = patched_until(job_image("us-east-1", "ml.m5.large"))
    assert end is not None
    monkeypatch.setattr("pipeline.run.__main__._today", lambda: end + timedelta(days))
    code = run(state, "--check", "--json")
    rules = {
        found["rule"] for found in document("run --check", capsys.readouterr().out)["findings"]
    }
    assert (code, ended[1] in rules) == (ended[0], True)


def test_a_finding_in_a_file_is_exit_code_1(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "--definition")
    definition = json.loads(capsys.readouterr().out)
    definition["Steps"][0]["Arguments"]["AppSpecification"]["ImageUrl"] = "x"
    (tmp_path / "definition.json").write_text(json.dumps(definition))
    assert run(state, "--check", str(tmp_path / "definition.json")) == 1
    assert "ImageUri" in capsys.readouterr().out


def test_a_definition_is_compared_with_a_file_and_priced(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "--definition")
    (tmp_path / "old.json").write_text(capsys.readouterr().out)
    assert run(state, "--diff", str(tmp_path / "old.json")) == 0
    assert capsys.readouterr().out == "no differences\n"
    changed = ["--set", "tuning.max_jobs=7"]
    assert run(state, "--diff", str(tmp_path / "old.json"), *changed) == 0
    assert "Parameters[TuningMaxJobs].DefaultValue: 12 -> 7" in capsys.readouterr().out
    assert run(state, "--cost", "--parameter", "TuningMaxJobs=3") == 0
    shown = capsys.readouterr().out
    assert "3 trials" in shown
    assert "endpoint dog-breeds-production" in shown


def test_two_files_are_compared_whatever_this_tree_holds(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    for name, message in (("old", "no"), ("new", "never")):
        step = {**stop, "Arguments": {"ErrorMessage": message}}
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    files = [str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    broken = ["--settings", str(tmp_path / "no such settings.yaml")]
    assert run(state, "--diff", *files, *broken) == 0
    assert 'ErrorMessage: "no" -> "never"' in capsys.readouterr().out
    assert run(state, "--diff", *reversed(files), "--json") == 0
    assert document("run --diff", capsys.readouterr().out)["empty"] is False


def test_parameters_are_names_and_values_the_last_one_counts() -> None:
    assert parse_parameters(["A=1", "B=x=y", "A=2", "C="]) == {"A": "2", "B": "x=y", "C": ""}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_upsert_that_a_newer_commit_came_before_is_no_failure(
    more: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It starts no run: the newer commit's build does."""

    def late(*_: Any, **__: Any) -> None:
        raise NewerUpsertedError("left as it is: a newer commit was upserted already")

    monkeypatch.setattr("pipeline.aws.clients.connect", lambda _settings: None)
    monkeypatch.setattr("pipeline.aws.upsert.upsert", late)
    monkeypatch.setattr("pipeline.definition.compile_cache.compiled_definition", lambda *_: {})
    # Whoever waits for a run's end must not take this for one that succeeded.
    assert main(["--upsert", "--start", "--wait", *more]) == 3
    capsys.readouterr()
    assert main(["--upsert", "--start", *more]) == 0
    out = capsys.readouterr().out
    assert "a newer commit was upserted already" in out
    assert not more or document("run --upsert", out)["action"] == "superseded"


@pytest.mark.parametrize("has", [0, 1])
def test_a_run_that_a_quota_would_end_is_not_started(
    has: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud, definition = Cloud(), small_definition()
    needed = ("processing job", "training job", "endpoint")
    types = ("ml.m5.2xlarge", "ml.m5.xlarge", "ml.m5.large")
    listed = [
        {"QuotaName": f"{one} for {what} usage", "QuotaCode": "L-1", "Value": float(has)}
        for one in types
        for what in needed
    ]
    serverless = "Maximum total concurrency that can be allocated across all serverless endpoints"
    listed.append({"QuotaName": serverless, "QuotaCode": "L-2", "Value": 10.0})
    cloud.expect("service-quotas", "list_service_quotas", {"Quotas": listed})
    if has:
        cloud.expect("s3", "list_objects_v2", {"KeyCount": 1})
        cloud.expect("sagemaker", "start_pipeline_execution", {"PipelineExecutionArn": EXECUTION})
    upserted = UpsertResult("dog-breeds", "updated", PIPELINE, (), (), None, False, 3)
    monkeypatch.setattr("pipeline.aws.clients.connect", lambda _settings: cloud.aws)
    monkeypatch.setattr("pipeline.aws.upsert.upsert", lambda *_, **__: upserted)
    monkeypatch.setattr(
        "pipeline.definition.compile_cache.compiled_definition", lambda *_: definition
    )
    assert run_command(main, ["--upsert", "--start"]) == (0 if has else 2)
    cloud.verify()
    said = capsys.readouterr().err
    assert f"'ml.m5.xlarge for training job usage' is {has}, 3 needed" in said


def test_a_run_on_aws_begins_at_a_step_on_what_the_newest_run_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud, definition = Cloud(), small_definition(DataUri=f"s3://{BUCKET}/data/")
    expect = partial(cloud.expect, "sagemaker")
    expect("describe_pipeline", {"PipelineArn": PIPELINE})
    run_ = {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": "Failed"}
    expect("list_pipeline_executions", {"PipelineExecutionSummaries": [run_]})
    expect("describe_pipeline_execution", run_)
    text = {"PipelineDefinition": json.dumps(definition)}
    expect("describe_pipeline_definition_for_execution", text)
    names = ("Prepare", "Features")
    done = [{"StepName": name, "StepStatus": "Succeeded"} for name in names]
    expect("list_pipeline_execution_steps", {"PipelineExecutionSteps": done})
    given = {"PipelineParameters": [{"Name": "Bar", "Value": "0.9"}]}
    expect("list_pipeline_parameters_for_execution", given)
    cloud.refuse("service-quotas", "list_service_quotas", "AccessDeniedException")
    cloud.expect("s3", "list_objects_v2", {"KeyCount": 1})
    config = {"SourcePipelineExecutionArn": EXECUTION, "SelectedSteps": [{"StepName": "Train"}]}
    values = {"GitCommit": "c" * 40, "Bar": "0.9", "DataUri": f"s3://{BUCKET}/data/"}
    started = {
        "PipelineName": "dog-breeds",
        "PipelineExecutionDisplayName": ANY,
        "PipelineParameters": [{"Name": n, "Value": v} for n, v in values.items()],
        "ClientRequestToken": ANY,
        "PipelineVersionId": 3,
        "SelectiveExecutionConfig": config,
    }
    expect("start_pipeline_execution", {"PipelineExecutionArn": f"{EXECUTION}2"}, started)
    upserted = UpsertResult("dog-breeds", "updated", PIPELINE, (), (), None, False, 3)
    monkeypatch.setattr("pipeline.aws.clients.connect", lambda _settings: cloud.aws)
    monkeypatch.setattr("pipeline.aws.upsert.upsert", lambda *_, **__: upserted)
    monkeypatch.setattr("pipeline.aws.start.git_commit", lambda _root: "c" * 40)
    monkeypatch.setattr(
        "pipeline.definition.compile_cache.compiled_definition", lambda *_: definition
    )
    assert main(["--upsert", "--start", "--from", "Train", "--json"]) == 0
    cloud.verify()
    printed = capsys.readouterr()
    assert json.loads(printed.out)["arn"] == f"{EXECUTION}2"
    assert "Prepare, Features: as they are in run abcdefghijkl" in printed.err
    assert "quotas are not known" in printed.err
