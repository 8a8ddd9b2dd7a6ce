"""What a project has is deleted in an order that works, and what is refused does not end it."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.aws.timing import Timing
from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
from pipeline.teardown.__main__ import main, parsers, tear_down
from pipeline.teardown.account import Project
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, Cloud
from tests.pipeline.schema.schema_support import document
from tests.pipeline.teardown.teardown_support import (
    JOB,
    OURS,
    PREFIX,
    ROLE,
    RUN,
    STACK,
    TARGET,
    Account,
    Looks,
    everything,
)

NO_WAIT = Timing(sleep=lambda _seconds: None, chance=lambda: 0.5)
NOTHING = Account()
KEPT = Account(group=OURS, bucket=OURS)
DENIED = "AccessDeniedException"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    # Only events with the token that a deletion was begun with are its own.
    token = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex="ours"))
    monkeypatch.setattr("pipeline.bootstrap.stack.uuid", token)
    cloud = Cloud()
    made = Looks(cloud)
    made.watch()
    yield made
    cloud.verify()


@pytest.fixture
def run(looks: Looks) -> Callable[..., int]:
    """Runs the command with these arguments against the account that was expected."""
    settings = load_settings(ROOT / "pipeline.yaml", None, [f"aws.account_id='{ACCOUNT}'"])

    def command(*arguments: str) -> int:
        options = parsers()[""].parse_args(arguments)
        project = Project(settings, options.registry, options.bucket)
        return tear_down(looks.cloud.aws, project, options, NO_WAIT)

    return command


def expect_deletions(looks: Looks, refused: str = "") -> None:
    """All that is deleted of `everything()`, but for what is refused."""
    cloud = looks.cloud

    def delete(service: str, operation: str, answer: dict[str, Any] | None = None) -> bool:
        if operation == refused:
            cloud.refuse(service, operation, DENIED, "you may not")
            return False
        cloud.expect(service, operation, answer or {})
        return True

    if delete("sagemaker", "stop_pipeline_execution", {"PipelineExecutionArn": RUN}):
        for status in ("Stopping", "Stopped"):
            answer = {"PipelineExecutionArn": RUN, "PipelineExecutionStatus": status}
            cloud.expect("sagemaker", "describe_pipeline_execution", answer)
    if delete(
        "sagemaker", "update_training_job", {"TrainingJobArn": f"{PREFIX}:training-job/{JOB}"}
    ):
        looks.machine("Available")
        looks.machine("Terminated")
    delete("application-autoscaling", "deregister_scalable_target")
    for name in ("dog-breeds-staging", "dog-breeds-production"):
        looks.endpoint(name, "InService")
        if delete("sagemaker", "delete_endpoint"):
            looks.endpoint(name, "Deleting")
            looks.gone("describe_endpoint")
    delete("sagemaker", "delete_model")
    delete("sagemaker", "delete_pipeline", {"PipelineArn": f"{RUN.partition('/exec')[0]}"})
    if refused in ("stop_pipeline_execution", "delete_endpoint"):
        return
    looks.stack("CREATE_COMPLETE", {"Project": "dog-breeds"})
    if delete("cloudformation", "delete_stack"):
        looks.stack("DELETE_COMPLETE", {"Project": "dog-breeds"})
        cloud.expect("cloudformation", "describe_stack_events", {"StackEvents": []})


def test_what_costs_by_the_hour_goes_first_and_bucket_and_registry_stay(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.expect(everything())
    expect_deletions(looks)
    looks.expect(KEPT)

    assert run("--yes") == 0

    assert looks.changes() == [
        ("StopPipelineExecution", RUN),
        ("UpdateTrainingJob", JOB),
        ("DeregisterScalableTarget", TARGET),
        ("DeleteEndpoint", "dog-breeds-staging"),
        ("DeleteEndpoint", "dog-breeds-production"),
        ("DeleteModel", "dog-breeds--7-2"),
        ("DeletePipeline", "dog-breeds"),
        ("DeleteStack", STACK),
    ]
    printed = capsys.readouterr().out
    assert "deleted    stack dog-breeds\n" in printed
    assert printed.endswith(
        f"what still costs money:\n  bucket {BUCKET}: what lies in it, by the month\n"
    )


def test_registry_and_bucket_go_last_and_only_when_asked_to(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    served = {"dog-breeds--7-1": "dog-breeds-staging"}
    left = Account(configurations=served, group=OURS, versions=["7"], bucket=OURS)
    looks.expect(left, registry=True, bucket=True)
    looks.cloud.expect("sagemaker", "delete_endpoint_config", {})
    looks.cloud.expect("sagemaker", "delete_model_package", {})
    looks.cloud.expect("sagemaker", "delete_model_package_group", {})
    versions = [{"Key": "runs/1", "VersionId": "a"}]
    markers = [{"Key": "runs/2", "VersionId": "b"}]
    answer = {"Versions": versions, "DeleteMarkers": markers, "IsTruncated": False}
    looks.cloud.expect("s3", "list_object_versions", answer)
    named = {"Objects": [*versions, *markers], "Quiet": True}
    looks.cloud.expect("s3", "delete_objects", {}, {"Bucket": BUCKET, "Delete": named})
    looks.cloud.expect("s3", "delete_bucket", {}, {"Bucket": BUCKET})
    looks.expect(NOTHING, registry=True, bucket=True)

    assert run("--yes", "--registry", "--bucket") == 0

    assert [name for name, _ in looks.changes()] == [
        "DeleteEndpointConfig",
        "DeleteModelPackage",
        "DeleteModelPackageGroup",
        "DeleteObjects",
        "DeleteBucket",
    ]
    assert capsys.readouterr().out.endswith("what still costs money: nothing\n")


@pytest.mark.parametrize(
    "case",
    [
        ("stop_pipeline_execution", Account(runs=[RUN], stack={"Project": "dog-breeds"}), "run"),
        ("update_training_job", Account(kept={JOB: OURS}), "kept machine"),
        ("deregister_scalable_target", Account(scaling=True), ""),
        (
            "delete_endpoint",
            Account(endpoints=["dog-breeds-staging"], stack={"Project": "dog-breeds"}),
            "endpoint",
        ),
        ("delete_model", Account(models={"dog-breeds--7-2": ROLE}), ""),
        ("delete_pipeline", Account(pipelines=["dog-breeds"]), ""),
        ("delete_stack", Account(stack={"Project": "dog-breeds"}), "stack"),
    ],
)
def test_what_is_refused_is_said_and_all_that_does_not_need_it_goes(
    looks: Looks,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, Account, str],
) -> None:
    operation, left, costs = case
    looks.expect(everything())
    expect_deletions(looks, refused=operation)
    looks.expect(left)

    assert run("--yes") == 1

    printed = capsys.readouterr().out
    assert "refused    " in printed
    assert "not allowed: you may not" in printed
    assert ("held back  stack dog-breeds: " in printed) == (costs in ("run", "endpoint"))
    assert (f"  {costs} " in printed.partition("still costs money:")[2]) == bool(costs)
    assert printed.endswith("not all is gone: mend what it says, and run this again\n")


def test_it_asks_and_no_deletes_nothing(
    looks: Looks,
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks.expect(everything())
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run() == 3
    assert looks.changes() == []
    printed = capsys.readouterr().out
    assert "Delete these 8? [y/N] " in printed
    assert "kept: --bucket deletes it" in printed


def test_a_dry_run_only_looks(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.expect(everything())
    assert run("--dry-run", "--json") == 0
    assert looks.changes() == []
    found = document("teardown", capsys.readouterr().out)
    assert not found["executed"]
    assert next(one["thing"]["kind"] for one in found["ends"] if not one["end"]) == "run"


def test_cut_off_it_goes_on_where_it_was(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.expect(Account(endpoints=["dog-breeds--mine"], stack={"Project": "dog-breeds"}))
    looks.endpoint("dog-breeds--mine", "Deleting")
    looks.gone("describe_endpoint")
    looks.stack("DELETE_COMPLETE", {"Project": "dog-breeds"})
    looks.expect(NOTHING)
    assert run("--yes") == 0
    assert looks.changes() == []
    assert capsys.readouterr().out.endswith("what still costs money: nothing\n")


def test_what_went_by_itself_meanwhile_is_no_fault(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.expect(Account(pipelines=["dog-breeds"]))
    looks.gone("delete_pipeline")
    looks.expect(NOTHING)
    assert run("--yes") == 0
    assert "gone       pipeline dog-breeds\n" in capsys.readouterr().out


def test_an_endpoint_that_does_not_go_holds_back_what_it_needs(
    looks: Looks,
    run: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("pipeline.teardown.deleting._ENDPOINT_S", 0)
    there = Account(endpoints=["dog-breeds-staging"], stack={"Project": "dog-breeds"}, bucket=OURS)
    looks.expect(there, bucket=True)
    looks.endpoint("dog-breeds-staging", "InService")
    looks.cloud.expect("sagemaker", "delete_endpoint", {})
    for _ in range(2):
        looks.endpoint("dog-breeds-staging", "Deleting")
    looks.expect(there, bucket=True)
    assert run("--yes", "--bucket") == 1
    printed = capsys.readouterr().out
    assert "is still there after 2 s: run this again later" in printed
    assert f"held back  bucket {BUCKET}: the endpoint dog-breeds-staging is still there" in printed


def test_neighbours_are_never_touched(looks: Looks, run: Callable[..., int]) -> None:
    there = Account(
        kept={"pipelines-mnopqrstuvwx-Train-1": {"project": "dogs"}},
        endpoints=["dog-breeds-uk-staging", "dog-breeds2--x", "other"],
        configurations={
            "dog-breeds--7-1": "dog-breeds-uk-staging",  # of one group, for another project
            "my-dog-breeds--7-1": "dog-breeds-staging",
        },
        models={"dog-breeds--7-2": f"arn:aws:iam::{ACCOUNT}:role/other", "x-dog-breeds--": ""},
        stack={"Another": "template"},
        group={},
        bucket={"project": "dogs"},
    )
    looks.expect(there, registry=True, bucket=True)
    assert run("--yes", "--registry", "--bucket") == 0
    assert looks.changes() == []


def test_what_may_not_be_looked_at_is_said_and_fails(
    looks: Looks, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.expect(NOTHING, may_see_runs=False)
    assert run("--dry-run") == 1
    assert "not seen: runs: looking for runs: not allowed: you may not" in capsys.readouterr().out


def test_without_a_terminal_it_needs_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UsageError, match="no terminal to ask on"):
        main([])


def test_on_this_machine_endpoints_go_with_what_they_were_made_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = sagemaker_client(Store(tmp_path))
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz"}
    client.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    here = ["--local", "--state", str(tmp_path)]

    assert main([*here, "--dry-run"]) == 0
    assert [one["EndpointName"] for one in client.list_endpoints()["Endpoints"]] == ["e"]
    assert main([*here, "--yes"]) == 0
    assert main([*here, "--yes"]) == 0

    printed = capsys.readouterr().out
    assert "deleted    endpoint e\ndeleted    model m\n" in printed
    assert "what still costs money: nothing\n" in printed
    assert printed.endswith("there is nothing of this machine\n")
    assert client.list_endpoints()["Endpoints"] == []
    assert client.list_endpoint_configs()["EndpointConfigs"]  # a version served there
    with pytest.raises(UsageError, match=r"are the folder .*: delete it"):
        main([*here, "--yes", "--bucket"])
