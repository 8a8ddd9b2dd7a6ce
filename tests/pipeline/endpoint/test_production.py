"""Which versions a group's endpoints run, read through SageMaker's API."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.endpoint.production import Names, champion_of, read_production
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.operations.endpoints import finish_deployment
from pipeline.local.store import Store
from pipeline.target import Target

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
NAMES = Names("dogs", "dogs-production", "dogs-staging")
Register = Callable[..., str]


@pytest.fixture
def target(store: Store, register_package: Register) -> Target:
    """Three versions; a configuration for each, tagged as the function that deploys does."""
    client = sagemaker_client(store)
    client.create_model(ModelName="m", PrimaryContainer={"Image": "image:1"})
    variant = {"VariantName": "A", "ModelName": "m", "InitialInstanceCount": 1}
    for number in (1, 2, 3):
        arn = register_package(client, f"s3://b/{number}.tar.gz")
        client.create_endpoint_config(
            EndpointConfigName=f"dogs--{number}",
            ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
            Tags=[{"Key": "model-package-arn", "Value": arn}],
        )
    return Target(client, lambda uri: store.path(uri).read_bytes())


def create(store: Store, number: int, over: str = "-") -> None:
    client: Any = sagemaker_client(store)
    tags = [{"Key": "last-deployment-over", "Value": over}]
    config = f"dogs--{number}"
    client.create_endpoint(EndpointName=NAMES.production, EndpointConfigName=config, Tags=tags)


def finish(store: Store, number: int) -> None:
    finish_deployment(
        store, NAMES.production, f"dogs--{number}", {"VariantName": "A", "InstanceCount": 1}
    )


def test_what_runs_and_what_is_on_its_way(store: Store, target: Target) -> None:
    assert read_production(target, NAMES).production is None
    create(store, 2, over="dogs--1")
    running = read_production(target, NAMES).production
    assert running is not None
    assert (running.status, running.is_busy, running.goal) == ("Creating", True, f"{ARN}/2")
    assert running.before == f"{ARN}/1"
    finish(store, 2)
    target.sagemaker.update_endpoint(EndpointName=NAMES.production, EndpointConfigName="dogs--3")
    found = read_production(target, NAMES)
    assert found.production is not None
    assert found.production.package == f"{ARN}/2"
    assert found.production.goal == found.production.pending == f"{ARN}/3"
    assert found.places_of(f"{ARN}/2") == ("production",)
    assert found.places_of(f"{ARN}/3") == ()


def test_a_configuration_that_is_gone_is_of_nobody(store: Store, target: Target) -> None:
    create(store, 2)
    finish(store, 2)
    target.sagemaker.delete_endpoint_config(EndpointConfigName="dogs--2")
    running = read_production(target, NAMES).production
    assert running is not None
    assert (running.package, running.before) == (None, None)


def test_the_champion_is_what_production_has_else_the_newest_approved(
    store: Store, target: Target
) -> None:
    def decide(number: int, status: str) -> None:
        target.sagemaker.update_model_package(
            ModelPackageArn=f"{ARN}/{number}", ModelApprovalStatus=status
        )

    assert champion_of(target, "dogs", None) is None
    decide(1, "Approved")
    decide(3, "Approved")
    assert champion_of(target, "dogs", None) == f"{ARN}/3"
    create(store, 1)
    found = read_production(target, NAMES)
    assert champion_of(target, "dogs", found) == f"{ARN}/1"
    decide(1, "Rejected")
    assert champion_of(target, "dogs", found) == f"{ARN}/3"
    target.sagemaker.delete_model_package(ModelPackageName=f"{ARN}/1")
    assert champion_of(target, "dogs", found) == f"{ARN}/3"
