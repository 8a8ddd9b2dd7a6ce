"""Ask an endpoint for one answer: DescribeEndpoint says InService also of one that gives none."""

from typing import Any

from pipeline.sample.grey_picture import MIME_TYPE, grey_picture

# By this, captured with the request, monitoring knows it from a user's (monitoring/captured.py).
PROBE = "is-it-alive"


def why_silent(runtime: Any, endpoint: str) -> str:
    """Return why an endpoint gives no answer; empty when its model answered.

    `runtime` is a boto3 "sagemaker-runtime" client, of this machine or of AWS. What a model's own
    code refuses, a model has read: that is an answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        reply = runtime.invoke_endpoint(
            EndpointName=endpoint,
            ContentType=MIME_TYPE,
            CustomAttributes=PROBE,
            Body=grey_picture(),
        )
        reply["Body"].read()
    except runtime.exceptions.ModelError as error:
        refused = 400 <= int(error.response.get("OriginalStatusCode") or 0) < 500
        return "" if refused else _words(error)
    except (ClientError, BotoCoreError) as error:
        return _words(error)
    return ""


def _words(error: Exception) -> str:
    response = getattr(error, "response", {})
    return " ".join(str(response.get("Error", {}).get("Message") or error).split())
