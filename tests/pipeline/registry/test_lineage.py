"""What an auditor asks of a version: its code, who decided and when, where it served."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.engine.executions import Execution, Place
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.operations.endpoints import finish_deployment
from pipeline.local.store import Store
from pipeline.registry.decisions import decide
from pipeline.registry.lineage import card_of, lineage_of
from pipeline.registry.origins import Origins
from pipeline.registry.served import stays_of
from pipeline.registry.versions import Version, read_version
from pipeline.target import Target

START = datetime(2026, 11, 1, tzinfo=UTC)
CODE = "s3://b/code/0123456789abcdef/prepare.tar.gz"
DEFINITION = {
    "Steps": [
        {
            "Name": "Prepare",
            "Type": "Processing",
            "Arguments": {
                "AppSpecification": {"ImageUri": "pytorch:2"},
                "ProcessingInputs": [{"InputName": "code", "S3Input": {"S3Uri": CODE}}],
            },
        },
        {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "pytorch:3"},
                "HyperParameters": {"sagemaker_submit_directory": "s3://b/code/train.tar.gz"},
            },
        },
        {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}},
    ]
}


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


@pytest.fixture
def register(store: Store, register_package: Callable[..., str]) -> Callable[..., Version]:
    client = sagemaker_client(store)

    def make(**more: Any) -> Version:
        arn = register_package(client, "s3://b/model.tar.gz", **more)
        return read_version(target(store), arn)

    return make


def target(store: Store) -> Target:
    return Target(sagemaker_client(store), lambda uri: store.path(uri).read_bytes())


def deploy(store: Store, version: Version, at: int, endpoint: str = "p", **more: str) -> str:
    """Write a decision down as the function that deploys does."""
    client = sagemaker_client(store)
    name = f"dogs--{version.number}-{endpoint}-{at}"
    if not client.list_models()["Models"]:
        client.create_model(ModelName="m", PrimaryContainer={"Image": "image:1"})
    tags = {
        "endpoint": endpoint,
        "model-package-arn": version.arn,
        "decided-at": hour(at).isoformat(),
        **more,
    }
    variant = {"VariantName": "A", "ModelName": "m", "InitialInstanceCount": 1}
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return name


def test_a_version_says_from_what_it_was_made_and_who_decided(
    store: Store, register: Callable[..., Version]
) -> None:
    run = Execution("dogs", DEFINITION, store, Place())
    run.begin({})
    metadata = {"GitCommit": "abc", "Report": f"s3://b/runs/{run.id}/report/report.html"}
    version = register(CustomerMetadataProperties=metadata)
    origins = Origins(sagemaker_client(store))
    before = lineage_of(origins, version)
    assert before.decided is None
    assert before.git_commit == "abc"
    assert before.run is not None
    assert before.run.endswith(f"/execution/{run.id}")
    assert before.steps is not None
    assert list(before.steps) == ["Prepare", "Train"]
    assert (before.steps["Prepare"].code, before.steps["Prepare"].image) == (CODE, "pytorch:2")
    assert before.steps["Train"].code == "s3://b/code/train.tar.gz"
    assert before.serving_image == "image:1"

    decide(target(store), version.arn, "Approved", "best yet")
    decided = lineage_of(origins, read_version(target(store), version.arn)).decided
    assert decided is not None
    assert (decided.status, decided.reason) == ("Approved", "best yet")
    assert decided.by
    assert decided.at is not None


def test_a_version_that_was_registered_as_approved_was_approved_then(
    store: Store, register: Callable[..., Version]
) -> None:
    version = register(ModelApprovalStatus="Approved")
    decided = lineage_of(Origins(sagemaker_client(store)), version).decided
    assert decided is not None
    assert decided.at == version.package["CreationTime"]


def test_a_version_serves_again_when_the_one_after_it_is_rejected(
    store: Store, register: Callable[..., Version]
) -> None:
    first, second = register(), register()
    client = sagemaker_client(store)
    config = deploy(store, first, 1)
    deploy(store, second, 5, **{"left-at": hour(6).isoformat(), "left-for": first.arn})
    client.create_endpoint(EndpointName="p", EndpointConfigName=config)
    finish_deployment(store, "p", config, {"VariantName": "A", "InstanceCount": 1})

    def said(version: Version) -> list[tuple[Any, ...]]:
        stays = stays_of(Origins(client), "dogs", version.arn) or ()
        return [(one.since, one.until, one.running) for one in stays]

    assert said(first) == [(hour(1), hour(5), False), (hour(6), None, True)]
    assert said(second) == [(hour(5), hour(6), False)]


def test_a_version_says_where_it_served_from_when_to_when(
    store: Store, register: Callable[..., Version]
) -> None:
    first, second = register(), register()
    client = sagemaker_client(store)
    origins = Origins(client)
    deploy(store, first, 1)
    deploy(store, second, 2, **{"taken-back": hour(3).isoformat()})
    deploy(store, second, 5)
    last = deploy(store, first, 7)
    deploy(store, first, 9)  # approved again: the same stay goes on
    deploy(store, first, 4, endpoint="staging")
    client.create_endpoint(EndpointName="p", EndpointConfigName=last)
    finish_deployment(store, "p", last, {"VariantName": "A", "InstanceCount": 1})

    def said(version: Version) -> list[tuple[Any, ...]]:
        stays = stays_of(origins, "dogs", version.arn) or ()
        return [(one.endpoint, one.since, one.until, one.running) for one in stays]

    # A version that SageMaker took back ended nobody's stay.
    assert said(first) == [
        ("p", hour(1), hour(5), False),
        ("staging", hour(4), None, False),
        ("p", hour(7), None, True),
    ]
    assert said(second) == [("p", hour(2), hour(3), False), ("p", hour(5), hour(7), False)]
    assert [one.rolled_back for one in stays_of(origins, "dogs", second.arn) or ()] == [True, False]


@pytest.mark.parametrize("written", [(0, 1), (1, 0)])
def test_of_decisions_in_one_moment_the_later_versions_counts(
    store: Store, register: Callable[..., Version], written: tuple[int, int]
) -> None:
    """As the function that deploys has it: tests/lambda_code/test_event_sequences.py."""
    versions = register(), register()
    client = sagemaker_client(store)
    configs = {index: deploy(store, versions[index], 5) for index in written}
    client.create_endpoint(EndpointName="p", EndpointConfigName=configs[1])
    finish_deployment(store, "p", configs[1], {"VariantName": "A", "InstanceCount": 1})
    first, second = (stays_of(Origins(client), "dogs", one.arn) or () for one in versions)
    assert [(one.since, one.until, one.running) for one in first] == [(hour(5), hour(5), False)]
    assert [(one.since, one.until, one.running) for one in second] == [(hour(5), None, True)]


def test_what_may_not_be_read_is_not_known_rather_than_nothing(
    store: Store, register: Callable[..., Version], capsys: pytest.CaptureFixture[str]
) -> None:
    version = register()
    deploy(store, version, 1)
    client = sagemaker_client(store)

    def refuse(**_asked: str) -> Any:
        refused = {"Error": {"Code": "AccessDeniedException", "Message": "you may not"}}
        raise ClientError(refused, "ListTags")

    client.list_tags = refuse
    assert lineage_of(Origins(client), version).served is None
    assert "ListTags: you may not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ({"intended_uses": {"risk_rating": "Low"}}, "Draft, risk Low"),
        ({"intended_uses": {}}, "Draft, risk Unknown"),
    ],
)
def test_a_card_is_read_back(register: Callable[..., Version], content: Any, summary: str) -> None:
    card = {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"}
    found = card_of(register(ModelCard=card))
    assert found is not None
    assert found.content == content
    assert found.summary == summary


def test_a_version_without_a_card_has_none(register: Callable[..., Version]) -> None:
    assert card_of(register()) is None
