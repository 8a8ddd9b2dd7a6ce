"""What is deployed is the model that was registered, whatever jobs write later."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from deploy_endpoint import handle
from deployment_errors import DeployError
from kept_models import kept_container
from production_endpoint import Clients
from tests.lambda_code.deploy_support import GROUP, PREFIX, World, no_scaling
from tests.lambda_code.step_support import EVENT

RUN = {"Bucket": "bucket", "Key": "runs/vwb346yill68/Train/x/output/model.tar.gz"}
FOLDER = "s3://bucket/models"
URI = f"s3://{RUN['Bucket']}/{RUN['Key']}"
MADE = datetime(2026, 11, 21, 10, 0, 5, 250_000, tzinfo=UTC)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="bucket")
        client.put_object(**RUN, Body=b"as registered")
        yield client


def _package(made: datetime) -> dict[str, Any]:
    container = {"Image": "image:1", "ModelDataUrl": URI, "Environment": {"A": "1"}}
    return {
        "ModelPackageArn": f"{PREFIX}:model-package/{GROUP}/7",
        "CreationTime": made,
        "InferenceSpecification": {"Containers": [container | {"ModelDataETag": "0"}]},
    }


def _body(s3: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_a_copy_is_made_once_and_outlives_what_a_job_writes(s3: Any) -> None:
    package = _package(datetime.now(UTC) + timedelta(seconds=2))
    first = kept_container(package, FOLDER, lambda: s3)
    s3.put_object(**RUN, Body=b"a job's")
    assert kept_container(package, FOLDER, lambda: s3) == first
    assert _body(s3, first["ModelDataUrl"]) == b"as registered"
    assert first["ModelDataUrl"].startswith(f"{FOLDER}/{GROUP}/7-")
    assert (first["Image"], first["Environment"]) == ("image:1", {"A": "1"})
    assert "ModelDataETag" not in first


def test_a_version_of_a_group_that_was_made_anew_has_a_copy_of_its_own(s3: Any) -> None:
    now = datetime.now(UTC)
    kept = {
        kept_container(_package(now + timedelta(days=days)), FOLDER, lambda: s3)["ModelDataUrl"]
        for days in (1, 2)
    }
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (412, "PreconditionFailed", f"{URI} was written after dogs-7 was registered"),
        (404, "NoSuchKey", f"the model of dogs-7 is gone: there is no {URI}"),
        (403, "AccessDenied", f"{URI}, the model of dogs-7, may not be copied .* runs/"),
    ],
)
def test_another_model_in_its_place_is_not_deployed(status: int, code: str, words: str) -> None:
    with _answering(status, code) as s3, pytest.raises(DeployError, match=words):
        kept_container(_package(MADE), FOLDER, lambda: s3)


def test_a_model_that_s3_does_not_copy_at_once_is_named() -> None:
    message = "The specified copy source is larger than the maximum allowable size"
    words = "model of dogs-7, is larger than the 5 GB"
    with (
        _answering(400, "InvalidRequest", message) as s3,
        pytest.raises(DeployError, match=words),
    ):
        kept_container(_package(MADE), FOLDER, lambda: s3)


def test_what_else_s3_refuses_is_raised() -> None:
    with _answering(503, "SlowDown") as s3, pytest.raises(ClientError, match="SlowDown"):
        kept_container(_package(MADE), FOLDER, lambda: s3)


@pytest.mark.parametrize(
    "specification",
    [
        None,
        {"Containers": []},
        {"Containers": [{"Image": "image:1"}]},
        {"Containers": [{"Image": "image:1", "ModelDataUrl": URI}] * 2},
        {"Containers": [{"Image": "image:1", "ModelDataUrl": "https://x.org/model.tar.gz"}]},
    ],
)
def test_a_version_that_no_run_registered_is_refused_by_its_name(specification: Any) -> None:
    """A group takes versions of anybody: of an ensemble, an algorithm, or without an archive."""
    package = {**_package(MADE), "InferenceSpecification": specification}
    if specification is None:
        del package["InferenceSpecification"]
    words = "dogs-7 is no version of this pipeline: it must have one container, with one model"
    with pytest.raises(DeployError, match=words):
        kept_container(package, FOLDER, lambda: pytest.fail("there is nothing to copy"))


@pytest.mark.parametrize("is_approved", [True, False], ids=["production", "staging"])
def test_endpoints_load_the_copy(world: World, is_approved: bool) -> None:
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    environment = {**world.environment, "MODELS": FOLDER}
    event = world.decide("a", "4") if is_approved else {}
    event = event or {**EVENT, "model_package_arn": world.package(4)}
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "404", "", 404)
        stub.add_response("copy_object", {})
        if is_approved:  # to write the decision down, and to deploy it
            stub.add_response("head_object", {})
        clients = Clients(world.client, no_scaling, objects=lambda: s3)
        name = handle(event, environment, clients)["endpoint_config_name"]
        stub.assert_no_pending_responses()
    known = world.client.describe_endpoint_config(EndpointConfigName=name)
    model = world.client.describe_model(ModelName=known["ProductionVariants"][0]["ModelName"])
    assert model["PrimaryContainer"]["ModelDataUrl"].startswith(f"{FOLDER}/{GROUP}/4-")


class _answering:
    """S3 without a copy yet, answering the request for one; the request to the letter."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        self._s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        self._stub = Stubber(self._s3)
        target = {"Bucket": "bucket", "Key": f"models/{GROUP}/7-20261121100005/model.tar.gz"}
        self._stub.add_client_error("head_object", "404", "", 404, {}, target)
        request = {**target, "CopySource": RUN, "CopySourceIfUnmodifiedSince": MADE}
        self._stub.add_client_error("copy_object", code, message, status, {}, request)

    def __enter__(self) -> Any:
        self._stub.activate()
        return self._s3

    def __exit__(self, *_error: object) -> None:
        self._stub.assert_no_pending_responses()
        self._stub.deactivate()
