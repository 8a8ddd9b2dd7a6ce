"""Find an endpoint and a way to ask it, on AWS or on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import PipelineError, UsageError
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.endpoint.predictions import Invoke
    from pipeline.local.service.credentials import Address


@contextmanager
def aws_invoker(
    target: Target, wanted: str | None, connections: int | None = None
) -> Iterator[tuple[str, "Invoke"]]:
    """Yield the name of an endpoint on AWS, and a function that asks it.

    With `connections`, so many threads may ask at a time, and nothing is asked again on failure.
    """
    import boto3
    from botocore.config import Config

    name = choose_endpoint(target, wanted)
    once = {"total_max_attempts": 1}
    own = {"config": Config(max_pool_connections=connections, retries=once)} if connections else {}
    yield name, asking(boto3.client("sagemaker-runtime", region_name=target.region, **own), name)


@contextmanager
def local_invoker(
    target: Target, wanted: str | None, state: Path, connections: int | None = None
) -> Iterator[tuple[str, "Invoke"]]:
    """Yield the name of an endpoint on this machine, and a function that asks it.

    Where no service is live, the model server runs for as long as the block. With `connections`,
    so many threads may ask at a time.
    """
    from pipeline.local.service.server import find_service

    service = find_service(state)
    if service and not wanted and not endpoint_names(target):
        # `serve` without any endpoint
        yield service.url, _asking_default(service.url, connections or 1)
        return
    name = choose_endpoint(target, wanted)
    with _local_runtime(state, service, connections) as runtime:
        yield name, asking(runtime, name)


def endpoint_names(target: Target) -> list[str]:
    """List the names of all endpoints, newest first."""
    pages = target.sagemaker.get_paginator("list_endpoints").paginate()
    return [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]


def delete_endpoint(target: Target, name: str) -> None:
    """Delete an endpoint. Raises UsageError for a name that none has."""
    names = endpoint_names(target)
    if name not in names:
        there = f"there are: {listed(names)}" if names else "there are none"
        raise UsageError(f"no endpoint {name!r}; {there}")
    target.sagemaker.delete_endpoint(EndpointName=name)


def choose_endpoint(target: Target, wanted: str | None) -> str:
    """Return the name of the endpoint asked for, or of the only one there is.

    Raises PipelineError when there is none or it failed, UsageError for a wrong or missing name.
    """
    names = endpoint_names(target)
    if not names:
        other = "" if target.region else ", or serve one with: python -m pipeline.endpoint serve"
        raise PipelineError(
            f"there is no endpoint yet: deploy a model with: {target.first_run}{other}"
        )
    if wanted is None and len(names) > 1:
        raise UsageError(f"there are several endpoints: choose with --endpoint: {listed(names)}")
    name = wanted or names[0]
    if name not in names:
        raise UsageError(f"no endpoint {name!r}; there are: {listed(names)}")
    endpoint = target.sagemaker.describe_endpoint(EndpointName=name)
    if endpoint["EndpointStatus"] == "Failed":
        raise PipelineError(f"endpoint {name} failed: {endpoint.get('FailureReason', '')}")
    return name


def listed(names: Sequence[str]) -> str:
    """Join names for a message, in alphabetical order."""
    return ", ".join(sorted(names))


@contextmanager
def _local_runtime(
    state: Path, service: "Address | None", connections: int | None
) -> Iterator[Any]:
    from pipeline.local.service.client import runtime_client, service_client
    from pipeline.local.service.hosting.host import Hosting
    from pipeline.local.service.hosting.model_process import START_SECONDS
    from pipeline.local.store import Store

    if service:
        yield service_client("sagemaker-runtime", service, connections)
        return
    hosting = Hosting(Store(state))
    try:
        hosting.wake()
        hosting.settle(START_SECONDS)
        yield runtime_client(hosting)
    finally:
        hosting.close()


def asking(runtime: Any, name: str) -> "Invoke":
    """Return a function that asks an endpoint through a boto3 "sagemaker-runtime" client.

    It raises botocore's errors, but returns the model's refusal as an answer.
    """

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        try:
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType=kind, Body=picture)
        except runtime.exceptions.ModelError as error:
            original = error.response.get("OriginalMessage") or error.response["Error"]["Message"]
            return int(error.response.get("OriginalStatusCode") or 500), original.encode()
        return 200, answer["Body"].read()

    return invoke


def _asking_default(url: str, connections: int) -> "Invoke":
    from urllib3 import PoolManager

    pool = PoolManager(maxsize=connections)

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        headers = {"Content-Type": kind}
        reply = pool.request("POST", f"{url}/invocations", body=picture, headers=headers)
        return reply.status, reply.data

    return invoke
