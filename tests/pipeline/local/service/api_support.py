"""Requests to the local API that many tests make."""

from contextlib import suppress
from typing import Any

import pytest

from pipeline.local.service.api import ApiError, LocalApi

ROLE = "arn:aws:iam::111122223333:role/execution"
PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
SOURCE = {
    "ChannelName": "more",
    "S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"},
}
SPECIFICATION = {
    "Containers": [{"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["image/jpeg"],
    "SupportedResponseMIMETypes": ["application/json"],
}


def refused(api: LocalApi, operation: str, **params: Any) -> ApiError:
    """The error that the operation ends with."""
    with pytest.raises(ApiError) as caught:
        api.call(operation, params)
    return caught.value


def register(api: LocalApi, count: int = 1, group: str = "dogs") -> list[str]:
    """So many more versions in the group, which is made if need be; their ARNs."""
    with suppress(ApiError):
        api.call("CreateModelPackageGroup", {"ModelPackageGroupName": group})
    request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION}
    return [api.call("CreateModelPackage", request)["ModelPackageArn"] for _ in range(count)]


def make_model(api: LocalApi, name: str = "m") -> str:
    """Its ARN."""
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz"}
    request = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    arn: str = api.call("CreateModel", request)["ModelArn"]
    return arn


def make_config(api: LocalApi, name: str = "c", model: str = "m") -> None:
    """One variant of the model."""
    variant = {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1}
    api.call("CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]})
