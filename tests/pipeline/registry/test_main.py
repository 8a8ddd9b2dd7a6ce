"""python -m pipeline.registry, as people type it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from pipeline.command_line.running import ROOT, run_command
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.__main__ import main
from tests.pipeline.schema.schema_support import document

PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
Run = Callable[..., tuple[int, str, str]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(store: Store, capsys: Capture) -> Run:
    """Runs the command on `store`; answers its exit code, output and errors."""

    def command(*arguments: str, state: Path = store.root) -> tuple[int, str, str]:
        code = run_command(main, [*arguments, "--state", str(state)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def versions(store: Store, register_package: Callable[..., str]) -> list[str]:
    """Three versions; the second has lost its evaluation."""
    client = sagemaker_client(store)
    arns = []
    for number in range(1, 4):
        metrics = {
            "accuracy": {"value": 0.6 + number / 10, "standard_deviation": 0.01},
            "top_5_accuracy": {"value": 0.975},
            "per_class": {
                "beagle": {"recall": 0.25, "count": 8},
                "boxer": {"recall": None, "count": 0},
                **{f"pug{n:02}": {"recall": 0.5 + n / 100, "count": 4} for n in range(11, -1, -1)},
            },
        }
        uri = f"s3://b/{number}/evaluation.json"
        if number != 2:
            store.path(uri).parent.mkdir(parents=True)
            sure = {"coverage": 0.8, "confidence": 0.6, "accuracy": 0.9 + number / 100}
            kept = {"test_coverage": 0.78, "test_accuracy": 0.94, "kept": number == 3}
            summary = "answers the 80% it is surest of with 94.1% accuracy"
            coverage = {"summary": summary, "points": [sure], "promised": [sure | kept]}
            text = json.dumps({"multiclass_classification_metrics": metrics, "coverage": coverage})
            store.path(uri).write_text(text)
        statistics = {"ContentType": "application/json", "S3Uri": uri}
        arns.append(
            register_package(
                client,
                f"s3://b/{number}/model.tar.gz",
                ModelMetrics={"ModelQuality": {"Statistics": statistics}},
                CustomerMetadataProperties={
                    "GitCommit": "0123456789abcdef",
                    "DataFingerprint": "f" * 64,
                    "TrainingJob": f"train-{number}",
                    "Report": f"s3://b/{number}/report/report.html",
                },
            )
        )
    return arns


@pytest.mark.usefixtures("versions")
def test_list_shows_the_newest_first(run: Run) -> None:
    code, out, _ = run("list")
    header, third, second, first = out.splitlines()
    assert code == 0
    columns = "Version Status Accuracy Run Backbone Differs in Data Commit Created"
    assert " ".join(header.split()) == columns
    assert third.split()[:3] == ["3", "PendingManualApproval", "90.0%"]
    unknown = ["-", "-", "-", "-"]  # its evaluation is lost, and of its run nothing is known
    assert second.split()[2:8] == [*unknown, "ffffffffffff", "0123456789"]
    assert first.split()[2:4] == ["70.0%", "-"]
    assert "2 older ones: --limit 3" in run("list", "--limit", "1")[1]


@pytest.mark.usefixtures("versions")
def test_json_is_for_programs(run: Run) -> None:
    found = document("registry list", run("list", "--json")[1])
    assert [version["version"] for version in found] == [3, 2, 1]
    assert found[0]["accuracy"] == pytest.approx(0.9)
    assert found[1]["accuracy"] is None
    assert found[0]["training_job"] == "train-3"
    shown = document("registry show", run("show", "1", "--json")[1])
    metrics = shown["evaluation"]["multiclass_classification_metrics"]
    assert metrics["top_5_accuracy"] == {"value": 0.975}


def test_show_prints_metrics_and_the_weakest_classes(run: Run, versions: list[str]) -> None:
    for name in ("3", "newest", versions[2]):
        code, out, _ = run("show", name)
        assert code == 0
        for text in (
            "90.0%",
            "top 5 accuracy",
            "0.9750",
            "beagle",
            "25.0%",
            "train-3",
            "answers the 80% it is surest of with 94.1% accuracy",
            "validation promised 93.0% accuracy on the surest 80%",
            "s3://b/3/report/report.html",
        ):
            assert text in out
        assert "boxer" not in out
        weakest = [line.split()[0] for line in out.splitlines() if line.startswith("pug")]
        assert weakest == [f"pug{n:02}" for n in range(9)]  # ten with the beagle
    assert run("show", "2")[0] == 0


def test_what_was_promised_of_both_is_compared(run: Run, versions: list[str]) -> None:
    code, out, _ = run("compare", "3", "1")
    assert code == 0
    assert "version 3: validation promised 93.0% accuracy on the surest 80%" in out
    assert "rightly: kept" in out and "rightly: not kept" in out
    assert "accuracy on the surest 80%     0.9300     0.9100" in out
    compared = document("registry compare", run("compare", "3", "1", "--json")[1])
    assert [one["kept"] for one in compared["promises"]] == [True, False]


def test_approve_and_reject_keep_their_reason(run: Run, store: Store, versions: list[str]) -> None:
    code, out, _ = run("approve", "3", "--reason", "best [on] the new pictures")
    assert (code, out) == (0, "dogs version 3: PendingManualApproval -> Approved\n")
    package = sagemaker_client(store).describe_model_package(ModelPackageName=versions[2])
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "best [on] the new pictures"
    rejected = document("registry reject", run("reject", versions[2], "--json")[1])
    assert rejected["status"] == "Rejected"
    assert "best [on] the new" in run("show", "3")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "9"), 2, "no version 9 of dogs; there are: 1, 2, 3"),
        (("approve", "0"), 2, "no version 0 of dogs"),
        (("approve",), 2, "required: VERSION"),
        (("show", "first"), 2, "no version first of dogs; there are: 1, 2, 3"),
        (("list", "--group", "cats"), 2, "no group 'cats'; there are: dogs"),
        (("list", "--limit", "0"), 2, "0 is not 1 or more"),
        (("show", f"{PREFIX}:model-package/dogs/9"), 1, "model-package/dogs/9 does not exist"),
        (("show", "arn:nonsense"), 1, "regular expression pattern"),
    ],
)
@pytest.mark.usefixtures("versions")
def test_mistakes_are_one_line(
    run: Run, capsys: Capture, arguments: tuple[str, ...], code: int, message: str
) -> None:
    try:
        result, _, err = run(*arguments)
    except SystemExit as ended:  # argparse's own
        result, err = int(str(ended.code)), capsys.readouterr().err
    assert result == code
    assert message in err
    assert "Traceback" not in err


def test_before_the_first_run_the_next_command_is_named(
    run: Run, tmp_path: Path, store: Store
) -> None:
    code, _, err = run("list", state=tmp_path / "nowhere")
    assert (code, err.count("\n")) == (2, 1)
    assert "python -m pipeline.run --local" in err
    assert not (tmp_path / "nowhere").exists()
    assert "nothing is registered yet" in run("list")[2]
    sagemaker_client(store).create_model_package_group(ModelPackageGroupName="dogs")
    assert "dogs has no versions yet" in run("show", "newest")[2]
    assert run("list", "--json")[1] == "[]\n"


@pytest.mark.usefixtures("versions")
def test_with_several_groups_one_must_be_chosen(run: Run, store: Store) -> None:
    sagemaker_client(store).create_model_package_group(ModelPackageGroupName="cats")
    assert "there are several groups: choose with --group; there are: cats, dogs" in run("list")[2]
    assert run("list", "--group", "dogs")[0] == 0


class TestOnAws:
    def test_an_empty_registry_names_the_command_that_fills_it_there(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = boto3.client(
            "sagemaker", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        monkeypatch.setattr(boto3.Session, "client", lambda *_: client)
        with Stubber(client) as stub:
            stub.add_response("list_model_package_groups", {"ModelPackageGroupSummaryList": []}, {})
            code, _, error = run("list", "--aws", "--region", "eu-west-1")
        assert code == 2
        assert "run the pipeline first: python -m pipeline.run --upsert --start --wait" in error

    def test_the_same_requests_go_to_aws(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, store: Store
    ) -> None:
        client = boto3.client(
            "sagemaker", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        regions = []

        class Session:
            def __init__(self, region_name: str) -> None:
                regions.append(region_name)

            def client(self, name: str) -> Any:
                assert name == "sagemaker"
                return client

        monkeypatch.setattr(boto3, "Session", Session)
        arn = f"{PREFIX}:model-package/dogs/1"
        package = {
            "ModelPackageName": "dogs",
            "ModelPackageGroupName": "dogs",
            "ModelPackageVersion": 1,
            "ModelPackageArn": arn,
            "CreationTime": 1_700_000_000,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
        }
        with Stubber(client) as stub:
            stub.add_response("describe_model_package", package, {"ModelPackageName": arn})
            update = {
                "ModelPackageArn": arn,
                "ModelApprovalStatus": "Rejected",
                "ApprovalDescription": "r",
            }
            stub.add_response("update_model_package", {"ModelPackageArn": arn}, update)
            stub.add_response("describe_model_package", package, {"ModelPackageName": arn})
            arguments = ("reject", arn, "--reason", "r", "--aws", "--region", "eu-west-1")
            assert run(*arguments)[0] == 0
            stub.assert_no_pending_responses()
        assert regions == ["eu-west-1"]

    def test_the_region_is_that_of_the_settings(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        made = []

        def refuse(region_name: str | None = None) -> Any:
            made.append(region_name)
            raise NoCredentialsError

        monkeypatch.setattr(boto3, "Session", refuse)
        code, _, error = run("list", "--aws", "--set", "aws.region=ap-south-1")
        assert (code, made) == (2, ["ap-south-1"])
        assert "names the region eu-west-1; used is ap-south-1" in error

    def test_no_credentials_is_one_line(self, tmp_path: Path) -> None:
        bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
        command = [sys.executable, "-m", "pipeline.registry", "list", "--aws"]
        ended = subprocess.run(
            command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 2
        assert "no AWS credentials" in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_help_shows_examples() -> None:
    command = [sys.executable, "-m", "pipeline.registry", "approve", "--help"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 'registry approve 3 --reason "best on the new pictures"' in ended.stdout
    assert "exit codes" in ended.stdout
