"""A run's report from AWS is that of the same run here: same API, same files, other clients."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.aws.clients import Aws
from pipeline.comparing.chosen import Chosen
from pipeline.data.progress import Progress
from pipeline.local.service.client import service_client
from pipeline.local.service.server import running_service
from pipeline.report.after_run import report_aws_run
from pipeline.report.collect import collect
from pipeline.report.contents import RunReport
from pipeline.report.run_lines import RunLine, read_lines
from pipeline.report.runs import list_runs
from pipeline.report.sections.reproduction import SECTION as REPRODUCTION
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sources.aws_source import AwsSource
from pipeline.report.sources.facts import read_facts
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.sources.source import Absent, Source
from pipeline.report.tracking.destination import open_destination
from pipeline.report.tracking.tracker import Tracker
from tests.pipeline.aws.aws_support import ACCOUNT, REGION, Cloud
from tests.pipeline.report.report_support import SCORES, Finished

BUCKET = "bucket"


@pytest.fixture(scope="module")
def here(finished: Finished) -> RunReport:
    """The report that this machine makes of it; moto would answer its client too."""
    return collect(LocalSource(finished.store), finished.arn).report


def lines_of(source: Source) -> list[RunLine]:
    return read_lines(source, list_runs(source.sagemaker, ["pipeline"]), Chosen({}))


@pytest.fixture(scope="module")
def lines_here(finished: Finished) -> list[RunLine]:
    """What tells the runs of this machine apart, read before moto answers."""
    return lines_of(LocalSource(finished.store))


@pytest.fixture
def aws(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The finished run's API, and its files in S3; its logs are gone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with running_service(finished.store) as service, mock_aws():
        clients: dict[str, Any] = {
            "s3": boto3.client("s3", region_name=REGION),
            "logs": boto3.client("logs", region_name=REGION),
            "sagemaker": service_client("sagemaker", service.address),
        }
        clients["s3"].create_bucket(Bucket=BUCKET)
        root = finished.store.path(f"s3://{BUCKET}/")
        for path in sorted(root.rglob("*")):
            if path.is_file() and "report" not in path.parts:
                key = path.relative_to(root).as_posix()
                clients["s3"].put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        yield Aws(REGION, ACCOUNT, clients.__getitem__)


def test_the_report_is_the_same_from_both(
    here: RunReport, aws: Aws, finished: Finished, tmp_path: Path
) -> None:
    there = collect(AwsSource(aws, tmp_path), finished.arn).report
    assert there.run == dataclasses.replace(here.run, where="aws")
    reproduction = there.get(REPRODUCTION)
    assert reproduction is not None
    assert "python -m pipeline.run --upsert --start --wait" in reproduction.commands
    there = there.changed(REPRODUCTION, here.get(REPRODUCTION))
    assert dataclasses.replace(there, run=here.run) == here


def test_runs_on_aws_are_told_apart_as_those_here_are(
    lines_here: list[RunLine], aws: Aws, tmp_path: Path
) -> None:
    assert lines_of(AwsSource(aws, tmp_path)) == lines_here
    assert [line.measured and line.measured.accuracy for line in lines_here] == [0.75]


@pytest.mark.xdist_group("mlflow")
def test_it_is_logged_in_mlflow_as_one_from_here_is(
    aws: Aws, finished: Finished, tmp_path: Path
) -> None:
    destination = open_destination(str(tmp_path / "mlflow"), "dogs")
    tracker = Tracker(destination, AwsSource(aws, tmp_path), finished.arn, most_mb=1)
    tracked = tracker.finish("there", tmp_path / "report")
    assert (tracked.missing, tracked.trials) == ({}, len(SCORES))
    tags = destination.tags(tracked.mlflow_run)
    assert (tags["where"], tags["execution_arn"]) == ("aws", finished.arn)


def test_after_a_run_it_is_uploaded_to_where_the_registry_says(
    aws: Aws, finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    report_aws_run(aws, finished.arn, tmp_path, say=said.append)
    prefix = f"runs/{finished.result.execution_id}/report"
    assert said[-1] == f"report: s3://{BUCKET}/{prefix}/report.html"
    assert capsys.readouterr().err == ""
    page = aws.client("s3").get_object(Bucket=BUCKET, Key=f"{prefix}/report.html")
    assert page["ContentType"] == "text/html"
    (local,) = tmp_path.glob("reports/*/report.html")
    assert page["Body"].read() == local.read_bytes()
    found = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")["Contents"]
    kinds = {item["Key"].removeprefix(f"{prefix}/").partition("/")[0] for item in found}
    assert kinds == {"report.html", "definition.json", "plots", "metrics"}


def test_what_may_not_be_read_is_missing_and_not_a_failure(
    aws: Aws, finished: Finished, tmp_path: Path
) -> None:
    objects = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="runs/")["Contents"]
    for item in objects:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=item["Key"])
    report = collect(AwsSource(aws, tmp_path), finished.arn).report
    assert {"evaluation", "dataset", "history", "artifact", "profile"} <= set(report.missing)
    assert "is not there (any more)" in report.missing["evaluation"]
    tuning = report.get(TUNING)
    assert tuning is not None and len(tuning.trials) == 4


def test_a_fault_is_one_warning(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_service: str) -> Any:
        raise RuntimeError("no\nclient")

    report_aws_run(Aws(REGION, ACCOUNT, broken), finished.arn, tmp_path, say=print)
    assert capsys.readouterr().err == "warning: no report of this run: no client\n"


@pytest.fixture
def answered() -> Iterator[tuple[Cloud, Callable[[str, dict[str, Any]], None]]]:
    cloud = Cloud()
    yield cloud, lambda operation, answer: cloud.expect("sagemaker", operation, answer)
    cloud.verify()


def test_a_cached_step_without_a_job_is_looked_up_where_it_ran(answered: Any) -> None:
    cloud, answer = answered
    base = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    run, source = (f"{base}:pipeline/dogs/execution/{name * 12}" for name in "ab")
    job = f"{base}:processing-job/prepare"
    begun = {"StepName": "Prepare", "StepStatus": "Succeeded"}
    answer("describe_pipeline_execution", {"PipelineExecutionArn": run})
    definition = json.dumps({"Version": "2020-12-01", "Steps": []})
    answer("describe_pipeline_definition_for_execution", {"PipelineDefinition": definition})
    hit = {"CacheHitResult": {"SourcePipelineExecutionArn": source}}
    answer("list_pipeline_execution_steps", {"PipelineExecutionSteps": [begun | hit]})
    answer("list_pipeline_parameters_for_execution", {"PipelineParameters": []})
    ran = {"Metadata": {"ProcessingJob": {"Arn": job}}}
    answer("list_pipeline_execution_steps", {"PipelineExecutionSteps": [begun | ran]})
    described = {
        "ProcessingJobName": "prepare",
        "ProcessingJobArn": job,
        "ProcessingJobStatus": "Completed",
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": datetime(2026, 11, 21, tzinfo=UTC),
    }
    answer("describe_processing_job", described)
    source_of = type("Source", (), {"sagemaker": cloud.aws.client("sagemaker")})
    assert read_facts(source_of, run).job("Prepare")["ProcessingJobArn"] == job  # type: ignore[arg-type]


def test_folders_are_fetched_whole_or_not_at_all(aws: Aws, tmp_path: Path) -> None:
    folder = AwsSource(aws, tmp_path / "a").folder("s3://bucket/code")
    assert {path.name for path in folder.rglob("*.py")} == {"Prepare.py", "Evaluate.py"}
    with pytest.raises(Absent, match="is not there"):
        AwsSource(aws, tmp_path / "b").folder("s3://bucket/debugger/none")
    with pytest.raises(Absent, match="not fetched"):
        AwsSource(aws, tmp_path / "c", largest=10).folder("s3://bucket/code")
    assert not (tmp_path / "c").exists()


def test_only_a_large_download_says_how_far_it_is(aws: Aws, tmp_path: Path) -> None:
    said = StringIO()
    model = "s3://bucket/large/model"
    aws.client("s3").put_object(Bucket="bucket", Key="large/model", Body=bytes(9 * 1024**2))
    source = AwsSource(aws, tmp_path, progress=Progress(said))
    assert source.file(model).stat().st_size == 9 * 1024**2
    source.folder("s3://bucket/code")
    assert said.getvalue() == f"downloading {model}: 9.4 MB\n"
