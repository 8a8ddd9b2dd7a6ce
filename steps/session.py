"""Provide a SageMaker session that knows a region and a bucket and cannot call AWS.

The SDK wants a session to build steps with. This one has no credentials, reads no configuration
of the machine, and refuses to call AWS, so a definition depends on the tree and settings alone.
"""

from typing import Any, NoReturn

from sagemaker.workflow.pipeline_context import PipelineSession


class AwsCalledWhileCompiling(AssertionError):
    """The SDK tried to reach AWS while the definition was built: a fault in a step builder."""


class _NoClient:
    """A stand-in where the SDK expects a boto3 client; any call raises."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, operation: str) -> NoReturn:
        raise AwsCalledWhileCompiling(f"{self._name}.{operation}")


class _NoBoto:
    """A stand-in where the SDK expects a boto3 session."""

    def __init__(self, region: str) -> None:
        self.region_name = region

    def client(self, name: str, **_options: Any) -> _NoClient:
        return _NoClient(name)

    def resource(self, name: str, **_options: Any) -> _NoClient:
        return _NoClient(name)


class _Unconfigured(PipelineSession):
    """Holds no configuration: the SDK would check it against its schema 87 times."""

    sagemaker_config = property(lambda _self: {}, lambda _self, _given: None)


def offline_session(region: str, bucket: str) -> PipelineSession:
    """Return a session for building steps, not for running them."""
    boto = _NoBoto(region)
    return _Unconfigured(
        boto_session=boto,
        sagemaker_client=boto.client("sagemaker"),
        default_bucket=bucket,
        sagemaker_config={"SchemaVersion": "1.0"},  # given one, the SDK does not look for ~/.config
    )
