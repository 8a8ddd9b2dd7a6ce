"""The Deploy step on a live service: the same handler, unmodified boto3 and a model server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deploy_endpoint import handler
from pipeline.local.service.credentials import service_variables
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import ENVIRONMENT
from tests.lambda_code.step_support import EVENT, NAME


@pytest.fixture
def sagemaker(
    service: Service, connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it knows the service of another test
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    own = {**service_variables(service.address), **ENVIRONMENT, "STAGING_ENDPOINT": NAME}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return connect(service.url)


@pytest.fixture
def hosting(service: Service) -> Hosting:
    return service.hosting


def _status(sagemaker: Any) -> tuple[str, str]:
    endpoint = sagemaker.describe_endpoint(EndpointName=NAME)
    return endpoint["EndpointStatus"], endpoint["EndpointConfigName"]


def test_versions_follow_each_other(
    sagemaker: Any,
    hosting: Hosting,
    store: Store,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> None:
    events = []
    for label in ("beagle", "boxer"):
        write_model(store.path(f"s3://b/{label}.tar.gz"), label, after=store.root / label)
        arn = register_package(sagemaker, f"s3://b/{label}.tar.gz")
        events.append({**EVENT, "model_package_arn": arn})
    first = handler(events[0], None)
    again = {**first, "action": "unchanged"}
    assert handler(events[0], None) == again  # while it is being created
    (store.root / "beagle").touch()
    assert hosting.settle(60)
    assert _status(sagemaker) == ("InService", first["endpoint_config_name"])
    before = sagemaker.describe_endpoint(EndpointName=NAME)["LastModifiedTime"]
    assert handler(events[0], None) == again
    assert sagemaker.describe_endpoint(EndpointName=NAME)["LastModifiedTime"] == before
    second = handler(events[1], None)
    (store.root / "beagle").unlink()

    waits = handler(events[0], None)
    assert waits == {**first, "action": "waiting"}
    (store.root / "boxer").touch()
    assert hosting.settle(60)
    assert _status(sagemaker) == ("InService", second["endpoint_config_name"])
    event = {
        "detail-type": "SageMaker Endpoint State Change",
        "detail": {"EndpointName": NAME, "EndpointStatus": "IN_SERVICE"},
    }
    assert handler(event, None)["endpoint_config_name"] == first["endpoint_config_name"]
    assert _status(sagemaker) == ("Updating", second["endpoint_config_name"])
    (store.root / "beagle").touch()
    assert hosting.settle(60)
    assert _status(sagemaker) == ("InService", first["endpoint_config_name"])
    assert b"beagle" in hosting.invoke(NAME, b"a", {})[0].body


def test_approval_leads_to_a_model_of_the_package_itself(
    sagemaker: Any,
    store: Store,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> None:
    write_model(store.path("s3://b/m.tar.gz"))
    arn = register_package(sagemaker, "s3://b/m.tar.gz", ModelApprovalStatus="Approved")
    names = handler({**EVENT, "model_package_arn": arn}, None)
    model = sagemaker.describe_model(ModelName=names["model_name"])
    assert model["PrimaryContainer"] == {"ModelPackageName": arn}


def test_a_failed_endpoint_comes_back_with_a_good_model(
    sagemaker: Any,
    hosting: Hosting,
    store: Store,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> None:
    bad = register_package(sagemaker, "s3://b/missing.tar.gz")
    handler({**EVENT, "model_package_arn": bad}, None)
    assert hosting.settle(60)
    assert _status(sagemaker)[0] == "Failed"
    write_model(store.path("s3://b/m.tar.gz"))
    good = register_package(sagemaker, "s3://b/m.tar.gz")
    handler({**EVENT, "model_package_arn": good}, None)
    assert hosting.settle(60)
    assert _status(sagemaker)[0] == "InService"


def test_a_package_that_is_not_there_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        handler(EVENT, None)
