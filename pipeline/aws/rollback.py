"""Ask the deploying Lambda to roll an endpoint back to an earlier version."""

import json
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained
from pipeline.errors import UsageError


def roll_back(aws: Aws, function: str, endpoint: str, version: str | None) -> dict[str, Any]:
    """Ask the Lambda to roll an endpoint back, and return its answer.

    It has `action`, `reason`, `endpoint_name` and `model_package_arn`. Raises UsageError where
    there is no such function, AwsError with the reason when it refuses.
    """
    event = {"rollback": {"endpoint_name": endpoint, "version": version}}
    with explained(f"asking the Lambda {function} to roll {endpoint} back"):
        try:
            answer = aws.client("lambda").invoke(
                FunctionName=function, Payload=json.dumps(event).encode()
            )
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"no Lambda {function} in {aws.region}: run python -m pipeline.bootstrap first"
            ) from None
        payload = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise AwsError(str(payload.get("errorMessage", payload)))
    done: dict[str, Any] = payload
    return done
