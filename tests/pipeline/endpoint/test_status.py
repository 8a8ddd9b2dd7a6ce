"""What `endpoint status --aws` says: InService alone is not enough, and others' are left alone."""

import io
import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from pipeline.endpoint.status import aws_status, shown_status
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.operations.endpoints import finish_deployment
from pipeline.local.store import Store
from pipeline.target import Target

PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs/3"
OURS = [{"Key": "model-package-arn", "Value": PACKAGE}]
FAILED = {
    "OriginalStatusCode": 500,
    "OriginalMessage": "",
    "Message": "Received server error (500) from primary",
}
# HTTP status, error type and body of an invocation, by the endpoint.
ANSWERS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "ours-well": (200, "", {"predictions": []}),
    "ours-picky": (424, "ModelError", FAILED | {"OriginalStatusCode": 415}),
    "ours-broken": (424, "ModelError", FAILED),
    "ours-denied": (403, "AccessDeniedException", {"Message": "you may not"}),
}
SHOWN = {
    "ours-well": ("InService", True, None),
    "ours-picky": ("InService", True, None),  # its code has read the picture, and refused it
    "ours-broken": ("no answer", False, "Received server error (500) from primary"),
    "ours-denied": ("no answer", False, "you may not"),
    "theirs": ("InService (not asked)", None, None),
    "ours-creating": ("Creating", None, None),
}


@pytest.fixture
def target(store: Store, monkeypatch: pytest.MonkeyPatch) -> Target:
    """SageMaker with these endpoints, and a runtime that knows those of ours that are there."""
    access = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    runtime = boto3.client("sagemaker-runtime", "us-east-1", **access)

    def answer(request: Any, **_others: Any) -> AWSResponse:
        status, kind, body = ANSWERS[request.url.split("/")[-2]]  # the others are not asked
        raw = HTTPResponse(io.BytesIO(json.dumps(body).encode()), preload_content=False)
        headers = {"x-amzn-ErrorType": kind, "Content-Type": "application/json"}
        return AWSResponse(request.url, status, headers, raw)

    runtime.meta.events.register("before-send.sagemaker-runtime", answer)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: runtime)
    client = sagemaker_client(store)
    for name in SHOWN:
        tags = OURS if name.startswith("ours") else []
        client.create_model(ModelName=name, PrimaryContainer={"Image": "image:1"}, Tags=tags)
        variant = {"VariantName": "A", "ModelName": name, "InitialInstanceCount": 1}
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        if name != "ours-creating":
            finish_deployment(store, name, name, {"InstanceCount": 1, "VariantName": "A"})
    return Target(client, lambda uri: b"", "us-east-1")


def test_it_is_in_service_when_its_model_answered(target: Target) -> None:
    rows = {row["name"]: row for row in aws_status(target)}
    found = {
        name: (shown_status(row), row["answers"], row["problem"]) for name, row in rows.items()
    }
    assert found == SHOWN
    assert rows["ours-well"]["model_package"] == PACKAGE
