"""boto3 clients answered in this process, whatever AWS setup surrounds it."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from pipeline.local.service.client import runtime_client, sagemaker_client
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.store import Store

ROLE = "arn:aws:iam::111122223333:role/execution"


@pytest.fixture(autouse=True)
def no_network_and_a_foreign_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://192.0.2.1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)


def test_requests_and_answers_are_boto3s_own(store: Store) -> None:
    client = sagemaker_client(store)
    client.create_model_package_group(ModelPackageGroupName="dogs")
    group = client.describe_model_package_group(ModelPackageGroupName="dogs")
    assert group["ModelPackageGroupStatus"] == "Completed"
    assert group["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="already exists"):
        client.create_model_package_group(ModelPackageGroupName="dogs")
    with pytest.raises(ParamValidationError):
        client.describe_model_package_group()
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_pipeline(PipelineName="p")


def test_two_clients_share_the_state(store: Store) -> None:
    sagemaker_client(store).create_model_package_group(ModelPackageGroupName="dogs")
    assert sagemaker_client(Store(store.root)).list_model_package_groups()[
        "ModelPackageGroupSummaryList"
    ]


def test_an_endpoint_answers_in_the_process(
    store: Store, monkeypatch: pytest.MonkeyPatch, write_model: Callable[..., Path]
) -> None:
    monkeypatch.undo()  # the model server is another process, on loopback
    write_model(store.path("s3://b/m.tar.gz"))
    sagemaker = sagemaker_client(store)
    container = {"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz"}
    sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": "m"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    hosting = Hosting(store)
    try:
        hosting.wake()
        assert hosting.settle(120)
        client = runtime_client(hosting)
        answer = client.invoke_endpoint(EndpointName="e", Body=b"abc", ContentType="image/jpeg")
        assert answer["InvokedProductionVariant"] == "v"
        assert json.loads(answer["Body"].read())["predictions"][0]["size"] == 3
        with pytest.raises(client.exceptions.ModelError) as refused:
            client.invoke_endpoint(EndpointName="e", Body=b"abc", ContentType="image/png")
        assert refused.value.response["OriginalStatusCode"] == 415
        with pytest.raises(client.exceptions.ValidationError):
            client.invoke_endpoint(EndpointName="other", Body=b"abc")
    finally:
        hosting.close()
