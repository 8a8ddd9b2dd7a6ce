"""Sign MLflow's requests for SageMaker's managed MLflow, without its plugin.

Where such a server is, how a request names it and what it is signed for is what the package
sagemaker-mlflow 0.5.0 does (mlflow_sagemaker_helpers.py, auth_provider.py, auth.py).
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings.tracking import ARN

# As the plugin has it, for an address of one's own, such as a VPC endpoint's.
_ADDRESS = "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"
_CHUNK = 1024**2


@dataclass(frozen=True)
class Managed:
    """A tracking server, or app, of SageMaker's: `header` carries its ARN in every request."""

    arn: str
    region: str
    url: str
    service: str
    header: str


def managed(arn: str) -> Managed:
    """Return what is known of a managed MLflow by its ARN. Raises UsageError."""
    found = ARN.fullmatch(arn)
    if found is None:
        raise UsageError(f"{arn} is no managed MLflow's ARN")
    region, own = found["region"], os.environ.get(_ADDRESS)
    if found["kind"] == "app":
        url, service = f"https://mlflow.sagemaker.{region}.app.aws", "sagemaker"
        return Managed(arn, region, own or url, service, "x-sm-mlflow-app-arn")
    url, service = f"https://{region}.experiments.sagemaker.aws", "sagemaker-mlflow"
    return Managed(arn, region, own or url, service, "x-mlflow-sm-tracking-server-arn")


def signer(to: Managed, credentials: Any) -> Callable[[Any], Any]:
    """Return what the package requests calls to sign a request, here with botocore's own SigV4.

    `credentials` are botocore's; a role's are renewed by themselves.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def sign(request: Any) -> Any:
        # MLflow writes a space as +, which a signature has as %20.
        request.url = (request.url or "").replace("+", "%20")
        # Others than these headers are not signed: a proxy may change them.
        headers = {to.header: to.arn, "X-Amz-Content-SHA256": _digest(request.body)}
        signed: Any = AWSRequest(request.method, request.url, headers, request.body)
        SigV4Auth(credentials, to.service, to.region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request

    return sign


def _digest(body: Any) -> str:
    if not hasattr(body, "read"):
        content = body.encode() if isinstance(body, str) else body or b""
        return hashlib.sha256(content).hexdigest()
    start, found = body.tell(), hashlib.sha256()
    while chunk := body.read(_CHUNK):
        found.update(chunk)
    body.seek(start)
    return found.hexdigest()


def sign_requests(to: Managed) -> None:
    """Have MLflow, in this process, sign its requests for a managed MLflow.

    Raises UsageError without AWS credentials, or of an MLflow that has no such place.
    """
    import boto3

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise UsageError(f"no AWS credentials for {to.arn}: log in, or set AWS_PROFILE")
    try:
        from mlflow.tracking.request_auth.registry import _request_auth_provider_registry as known
    except ImportError as error:
        raise UsageError(f"this mlflow-skinny is not known to work: {error}") from error

    name = f"{to.arn} {id(credentials)}"  # MLflow takes the first of a name: another's credentials

    class Provider:
        """Answers to the name that MLFLOW_TRACKING_AUTH has."""

        def get_name(self) -> str:
            """Return the name."""
            return name

        def get_auth(self) -> Any:
            """Return what signs a request."""
            return signer(to, credentials)

    known.register(Provider)
    os.environ["MLFLOW_TRACKING_AUTH"] = name
