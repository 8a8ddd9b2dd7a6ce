"""A run is in MLflow as a run, with its trials below it, however often it is logged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.store import Store
from pipeline.report.__main__ import main
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.tracking.destination import open_destination
from pipeline.report.tracking.tracker import Tracked, Tracker
from tests.pipeline.local.runner_support import Lab
from tests.pipeline.report.report_support import SCORES, Finished
from tests.pipeline.report.searched_support import search_in_parts
from tests.pipeline.report.tracking.conftest import points

Track = Callable[..., Tracked]
pytestmark = pytest.mark.xdist_group("mlflow")


def files_of(client: Any, run: str, inner: str) -> set[str]:
    return {one.path for one in client.list_artifacts(run, inner)}


def client_of(folder: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def test_a_run_has_parameters_metrics_tags_and_files(
    track: Track, folder: Path, finished: Finished
) -> None:
    tracked = track(str(folder))
    client = client_of(folder)
    run = client.get_run(tracked.mlflow_run)
    assert (run.info.run_name, run.info.status) == (finished.result.execution_id, "FINISHED")
    assert run.info.end_time > run.info.start_time > 0
    tags = run.data.tags
    assert tags["execution_arn"] == finished.arn
    assert tags["commit"] == "abc-dirty"
    assert tags["data_fingerprint"] == "f" * 64
    assert tags["model"].endswith("/model.tar.gz")
    assert run.data.params["lr"] == "0.2"
    assert run.data.params["AccuracyThreshold"] == "0.6"
    assert points(client, run.info.run_id, "valid_loss") == [(1, 1.25), (2, 0.75), (3, 0.5)]
    assert run.data.metrics["test_accuracy"] == 0.75
    assert run.data.metrics["seconds/Train"] > 0
    names = ("evaluation.json", "explanations.jsonl", "predictions.jsonl")
    files = {f"evaluation/{name}" for name in names}
    assert files_of(client, run.info.run_id, "evaluation") == files
    assert {"report/report.html", "report/plots"} <= files_of(client, run.info.run_id, "report")


def test_every_trial_is_a_run_below_it(track: Track, folder: Path) -> None:
    tracked = track(str(folder))
    client = client_of(folder)
    (experiment,) = [one for one in client.search_experiments() if one.name == "dogs"]
    below = f"tags.`mlflow.parentRunId` = '{tracked.mlflow_run}'"
    trials = client.search_runs([experiment.experiment_id], below)
    assert tracked.trials == len(trials)
    found = {one.data.params["rate"]: one.data.metrics["objective"] for one in trials}
    assert found == SCORES
    for trial in trials:
        assert points(client, trial.info.run_id, "train_loss") == [(1, 1.5), (2, 0.5), (3, 0.25)]
        assert trial.info.status == "FINISHED"
    (best,) = [one for one in trials if one.data.tags.get("best")]
    assert best.data.params["rate"] == "0.2"


def test_every_setting_of_a_search_in_parts_is_a_run_below_it(tmp_path: Path, folder: Path) -> None:
    run = search_in_parts(tmp_path / "state")
    tracker = Tracker(open_destination(str(folder), "parts"), run.source, run.facts.arn, 1)
    tracked = tracker.finish(str(folder), tmp_path / "report")
    client = client_of(folder)
    (experiment,) = [one for one in client.search_experiments() if one.name == "parts"]
    below = f"tags.`mlflow.parentRunId` = '{tracked.mlflow_run}'"
    trials = client.search_runs([experiment.experiment_id], below)
    found = {one.data.params["rate"]: one.data.metrics.get("objective") for one in trials}
    assert found == {"0.1": 0.5, "0.2": None, "0.3": 0.75}
    (best,) = [one for one in trials if one.data.tags.get("best")]
    assert best.data.params["rate"] == "0.3"
    assert points(client, best.info.run_id, "valid_accuracy") == [(1, 0.75)]


def test_a_trial_that_failed_is_there_as_failed(tmp_path: Path, folder: Path) -> None:
    lab = Lab(Store(tmp_path / "state"))
    script = """
        import sys
        rate = sys.argv[sys.argv.index("--rate") + 1]
        sys.exit("no good") if rate == "0.1" else print("score=" + rate)
    """
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["0.1", "0.2"]}]}
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
    config = {"Strategy": "Grid", "ResourceLimits": limits, "ParameterRanges": ranges}
    ended = lab.run(lab.tuning("Tune", script, config))
    opened = open_destination(str(folder), "failed")
    tracked = Tracker(opened, LocalSource(lab.store), ended.execution_arn, 1).finish("there", None)
    assert tracked.missing == {}
    trials = opened.children(tracked.mlflow_run, "job").values()
    found = {one.data.params["rate"]: (one.info.status, one.data.metrics) for one in trials}
    assert found == {"0.1": ("FAILED", {}), "0.2": ("FINISHED", {"objective": 0.2})}


def test_logging_it_again_changes_nothing(track: Track, folder: Path) -> None:
    first = track(str(folder))
    client = client_of(folder)
    (experiment,) = [one for one in client.search_experiments() if one.name == "dogs"]

    def all_of_it() -> list[Any]:
        runs = client.search_runs([experiment.experiment_id])
        return sorted(
            (run.info.run_id, run.data.params, points(client, run.info.run_id, "valid_loss"))
            for run in runs
        )

    before = all_of_it()
    assert track(str(folder)) == first
    assert all_of_it() == before


def test_a_full_disk_loses_the_files_and_nothing_else(
    track: Track, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.artifact import local_artifact_repo

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local_artifact_repo.LocalArtifactRepository, "log_artifact", full)
    tracked = track(str(folder), "full")
    assert tracked.missing.keys() == {"evaluation", "report"}
    assert all("No space left on device" in why for why in tracked.missing.values())
    metrics = client_of(folder).get_run(tracked.mlflow_run).data.metrics
    assert metrics["test_accuracy"] == 0.75
    monkeypatch.undo()
    assert track(str(folder), "full").missing == {}


def test_a_server_that_goes_away_is_asked_no_further(
    track: Track, folder: Path, monkeypatch: pytest.MonkeyPatch, held_port: int
) -> None:
    import mlflow
    from mlflow.utils.rest_utils import MlflowHostCreds, http_request

    def gone(*_: object, **__: object) -> None:
        there = MlflowHostCreds(f"http://127.0.0.1:{held_port}")
        http_request(there, "/log-batch", "POST", max_retries=0)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", gone)
    missing = track(str(folder), "gone").missing
    assert missing == {"trials": "no answer: Connection refused", "the rest": "not tried"}
    monkeypatch.undo()
    assert track(str(folder), "gone").missing == {}


def test_the_command_says_where_and_what_is_too_large(
    folder: Path,
    finished: Finished,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = ["--uri", str(folder), "--experiment", "dogs", "--state", str(finished.store.root)]
    assert run_command(main, ["track", "newest", *place]) == 0
    said = capsys.readouterr().out
    assert said == f"logged {finished.result.execution_id}, {len(SCORES)} trials: {folder}\n"
    monkeypatch.setattr("pipeline.report.tracking.tracker._MB", 1000)
    place += ["--experiment", "small", "--max-artifact-mb", "1", "--json"]
    assert run_command(main, ["track", finished.arn, *place]) == 1
    assert json.loads(capsys.readouterr().out)[0]["missing"].keys() == {"evaluation", "report"}


def test_of_all_runs_those_are_logged_that_are_not_there(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(Store(tmp_path / "state"))
    ended = [lab.run(lab.processing("Prepare", "pass")) for _ in range(2)]
    place = ["--uri", str(folder), "--experiment", "all", "--state", str(lab.store.root)]
    said = []
    for runs in ("newest", "all", "all"):
        assert run_command(main, ["track", runs, *place]) == 0
        said.append([line.split()[1].rstrip(":") for line in capsys.readouterr().out.splitlines()])
    assert said == [[ended[1].execution_id], [ended[0].execution_id], []]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Give --uri URI, or set tracking.mlflow_uri"),
        (("--uri", "http://me:secret@host"), "go into MLFLOW_TRACKING_USERNAME"),
        (("--set", "tracking.mlflow_uri=http://me:secret@host"), "MLFLOW_TRACKING_USERNAME"),
        (("--uri", "postgresql://host/db"), "is no place to log to"),
    ],
)
def test_mistakes_are_one_line_without_the_password(
    finished: Finished, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    given = ["track", "newest", "--state", str(finished.store.root), *arguments]
    assert run_command(main, given) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert "secret" not in errors
    assert len(errors.splitlines()) == 1
