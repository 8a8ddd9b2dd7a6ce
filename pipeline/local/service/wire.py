"""Speak SageMaker's two protocols: operations as AWS JSON 1.1, InvokeEndpoint as REST.

The same functions answer over HTTP (server.py) and inside a process (client.py).
"""

import json
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from pipeline.errors import PipelineError
from pipeline.local.service.api import OPERATIONS, LocalApi
from pipeline.local.service.hosting.host import (
    EndpointUnavailableError,
    Hosting,
    RequestTooLargeError,
)
from pipeline.local.service.hosting.model_process import ModelServerError, ModelTimeoutError, Reply
from pipeline.local.service.operations.context import ApiError
from pipeline.local.service.shapes import find_problems, from_wire, service_model, to_wire

_JSON = "application/x-amz-json-1.1"
_PREFIX = "SageMaker."
_NO_MEANING = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "SessionId")
_log = logging.getLogger(__name__)


def answer_operation(api: LocalApi, target: str, body: bytes) -> Reply:
    """Answer a POST with that X-Amz-Target; an error is an answer too."""
    try:
        return _json_reply(200, _call(api, target, body))
    except ApiError as error:
        return operation_error(error)
    except PipelineError as error:
        return _json_reply(500, {"__type": "InternalFailure", "message": str(error)})
    except Exception:
        _log.exception("%s failed", target)
        message = f"{target} failed in the local service; its output says why"
        return _json_reply(500, {"__type": "InternalFailure", "message": message})


def operation_error(error: ApiError) -> Reply:
    """Answer with the error of an operation."""
    return _json_reply(error.http_status, {"__type": error.code, "message": error.message})


def _call(api: LocalApi, target: str, body: bytes) -> Any:
    operation = target.removeprefix(_PREFIX) if target.startswith(_PREFIX) else ""
    try:
        params = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", f"The body is not JSON: {error}") from error
    if not isinstance(params, dict):
        raise ApiError("SerializationException", "The body must be a JSON object.")
    if operation not in OPERATIONS:
        return api.call(operation, {})  # says which there are
    model = service_model().operation_model(operation)
    answer = api.call(operation, from_wire(model.input_shape, params))
    return to_wire(model.output_shape, answer) if model.output_shape else {}


def _json_reply(status: int, answer: Any) -> Reply:
    return Reply(status, _headers(_JSON), json.dumps(answer).encode())


def answer_invocation(
    hosting: Hosting, account: str, endpoint: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    """Answer InvokeEndpoint; names in `headers` may be in any case."""
    sent = {name.lower(): value for name, value in headers.items()}
    if problem := _request_problem(endpoint, sent, body):
        return problem
    variant = sent.get("x-amzn-sagemaker-target-variant")
    try:
        reply, answered = hosting.invoke(endpoint, body, sent, variant)
    except (EndpointUnavailableError, RequestTooLargeError) as error:
        message = str(error).replace(f"Endpoint {endpoint}", f"Endpoint {endpoint} of {account}")
        status = 413 if isinstance(error, RequestTooLargeError) else 400
        return runtime_error(status, "ValidationError", message)
    except ModelTimeoutError as error:
        return _model_error(0, "", f"Your invocation timed out: {error}")
    except ModelServerError as error:
        return _model_error(500, "", f"Received server error (500) from primary: {error}")
    if reply.status >= 400:
        return _refused(reply)
    kept = _headers(reply.headers.get("content-type", "application/octet-stream"))
    kept["x-Amzn-Invoked-Production-Variant"] = answered
    return Reply(200, kept, reply.body)


def runtime_error(status: int, code: str, message: str, **members: Any) -> Reply:
    """Build an error in the shape that boto3's sagemaker-runtime client raises by its name."""
    body = json.dumps({"Message": message, **members}).encode()
    return Reply(status, _headers("application/json") | {"x-amzn-ErrorType": code}, body)


def _request_problem(endpoint: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
    shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
    if len(body) > shape.members["Body"].metadata["max"]:
        limit = shape.members["Body"].metadata["max"]
        return runtime_error(413, "ValidationError", f"The body is larger than {limit} bytes.")
    params: dict[str, Any] = {"EndpointName": endpoint, "Body": body}
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header":
            value = headers.get(member.serialization["name"].lower())
            params |= {name: value} if value is not None else {}
    problems = list(find_problems(shape, params))
    problems += [f"{name} is not supported locally" for name in _NO_MEANING if name in params]
    return runtime_error(400, "ValidationError", "; ".join(problems)) if problems else None


def _refused(reply: Reply) -> Reply:
    text = reply.body.decode(errors="replace")
    side = "client" if reply.status < 500 else "server"
    message = f'Received {side} error ({reply.status}) from primary with message "{text}".'
    return _model_error(reply.status, text, message)


def _model_error(status: int, original: str, message: str) -> Reply:
    members = {"OriginalStatusCode": status, "OriginalMessage": original}
    return runtime_error(424, "ModelError", message, **members)


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-RequestId": str(uuid.uuid4())}
