"""Make boto3's clients for the account and region of the settings, in one place."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pipeline.aws.errors import AwsAccessError, explained
from pipeline.errors import UsageError
from pipeline.settings.model import Settings

PLACEHOLDER_ACCOUNT = "111122223333"
_LOCAL_SERVICE = "AWS_ENDPOINT_URL_SAGEMAKER"
_FUNCTION_SECONDS = 660  # more than the functions in infra/template.yaml may take
_USER_AGENT = "image-classification-pipeline"


class Aws:
    """The clients of one account and region, each made when it is first needed."""

    def __init__(self, region: str, account_id: str, make: Callable[[str], Any]) -> None:
        self.region = region
        self.account_id = account_id
        self._make = make
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, such as `sagemaker`."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]


def connect(settings: Settings) -> Aws:
    """Return clients for the settings' account, after asking AWS whose credentials these are.

    Raises UsageError for the placeholder account, AwsAccessError for credentials that are missing,
    expired, unknown or of another account, AwsError when AWS cannot be reached. A region of the
    environment that is another one is said on standard error.
    """
    wanted = settings.aws.account_id
    if wanted == PLACEHOLDER_ACCOUNT:
        raise UsageError(
            f"aws.account_id is the placeholder {PLACEHOLDER_ACCOUNT}: set it to your account's "
            "12 digits (aws sts get-caller-identity shows them)"
        )
    _refuse_local_service()
    say_region(settings.aws.region)
    with explained("asking AWS for the account"):
        aws = Aws(settings.aws.region, wanted, _maker(settings.aws.region))
        found = aws.client("sts").get_caller_identity()["Account"]
    if found != wanted:
        raise AwsAccessError(
            f"the AWS credentials are of account {found}, but aws.account_id is {wanted}: "
            "use other credentials (AWS_PROFILE) or change the setting"
        )
    return aws


def has_account(settings: Settings) -> bool:
    """Check whether there is an account to ask: a real one in the settings, and credentials.

    Raises AwsAccessError for a profile that does not exist.
    """
    if settings.aws.account_id == PLACEHOLDER_ACCOUNT:
        return False
    import boto3

    with explained("looking for AWS credentials"):
        return boto3.Session().get_credentials() is not None


def say_region(region: str) -> None:
    """Say on standard error that the environment names another region than the one that is used."""
    import boto3

    with explained("reading your AWS setup"):
        found = os.environ.get("AWS_REGION") or boto3.Session().region_name
    if found and found != region:
        print(
            f"note: your AWS setup names the region {found}; used is {region} (aws.region)",
            file=sys.stderr,
        )


def _refuse_local_service() -> None:
    """Raise UsageError when what is meant for AWS would go to the service on this machine."""
    url = os.environ.get(_LOCAL_SERVICE, "")
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        raise UsageError(f"{_LOCAL_SERVICE} is {url}, the local service: unset it to use AWS")


def _maker(region: str) -> Callable[[str], Any]:
    import boto3
    from botocore.config import Config

    # The SageMaker SDK, when imported, makes botocore log where credentials come from.
    logging.getLogger("botocore.credentials").setLevel(logging.WARNING)
    session = boto3.Session(region_name=region)
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 5},
        user_agent_extra=_USER_AGENT,
    )
    # A call repeated while the first still runs would make the function do the same twice.
    patient = config.merge(Config(read_timeout=_FUNCTION_SECONDS))
    return lambda name: session.client(name, config=patient if name == "lambda" else config)
