"""Ask a run's endpoint about one test picture, and compare with what Evaluate computed."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.data.files import DataError, data_root
from pipeline.endpoint.invoker import asking
from pipeline.endpoint.predictions import predict
from pipeline.errors import PipelineError
from pipeline.local.service.client import service_client
from pipeline.local.service.http_bodies import MAXIMUM_BODY
from pipeline.target import readable_errors

_PATIENCE_S = 300.0
_POLL_S = 0.2


class PredictionError(PipelineError):
    """The endpoint did not answer as Evaluate did."""


class AskingStoppedError(PipelineError):
    """A stop came before the endpoint could be asked; the message says before what."""


class NotAskedError(PipelineError):
    """There is nobody to ask: another run's model is in the endpoint by now."""


@dataclass(frozen=True)
class Question:
    """A test picture as it was read, its line in predictions.jsonl, and the endpoint to ask.

    `config` is the endpoint configuration that the run deployed.
    """

    endpoint: str
    config: str
    path: Path
    picture: bytes
    expected: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A test picture, its label, and the endpoint's answer."""

    file: str
    label: str
    prediction: str
    probability: float


def find_question(data: Path, predictions: Path, deployed: Mapping[str, str]) -> Question | None:
    """Choose the first test picture that still exists and is not too large for an endpoint.

    `data` is the folder that the run was given, `predictions` the predictions.jsonl of Evaluate,
    `deployed` what the Deploy step answered. None when there is no such picture.
    """
    endpoint, config = deployed["endpoint_name"], deployed["endpoint_config_name"]
    try:
        root = data_root(data)
    except DataError:
        return None
    with predictions.open(encoding="utf-8") as lines:
        for line in lines:
            expected = json.loads(line)
            path = root / expected["file"]
            if picture := _read(path):
                return Question(endpoint, config, path, picture, expected)
    return None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= MAXIMUM_BODY else None
    except OSError:
        return None


def ask(question: Question, url: str, cancel: threading.Event) -> Asked:
    """Send the picture to the endpoint, through a boto3 client as a user would.

    `url` is the local service's address; `cancel` ends the waiting for the endpoint. Raises
    AskingStoppedError, NotAskedError, and PredictionError when the endpoint does not come into
    service, refuses the picture or answers something else than Evaluate computed.
    """
    endpoint, file = question.endpoint, question.expected["file"]
    expected = question.expected["prediction"]
    with readable_errors():
        client = service_client("sagemaker", url)
        _wait_in_service(client, endpoint, cancel)
        runtime = service_client("sagemaker-runtime", url)
        answer = predict(asking(runtime, endpoint), file, question.picture, top=1)
        # Checked after the answer, so that it is known which model gave it.
        _require_config(client.describe_endpoint(EndpointName=endpoint), question.config)
    if answer.error:
        raise PredictionError(
            f"endpoint {endpoint} answers {file} with status {answer.status}: {answer.error}"
        )
    [(label, probability)] = answer.classes
    if label != expected:
        raise PredictionError(
            f"endpoint {endpoint} answers {label} for {file}, and Evaluate computed {expected}: "
            "serving and evaluation differ"
        )
    return Asked(file, question.expected["label"], label, probability)


def _wait_in_service(client: Any, endpoint: str, cancel: threading.Event) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not cancel.is_set():
        described = client.describe_endpoint(EndpointName=endpoint)
        status = described["EndpointStatus"]
        if status == "InService":
            return
        if status == "Failed" or time.monotonic() > deadline:
            reason = described.get("FailureReason", f"it is still {status}")
            raise _not_in_service(endpoint, reason)
        cancel.wait(_POLL_S)
    raise AskingStoppedError("before its endpoint was asked")


def _require_config(endpoint: Mapping[str, Any], config: str) -> None:
    name, now = endpoint["EndpointName"], endpoint["EndpointConfigName"]
    if now == config:
        return
    if reason := endpoint.get("FailureReason"):  # an update that was taken back
        raise _not_in_service(name, reason)
    raise NotAskedError(f"another run deployed {now} to the endpoint {name} meanwhile")


def _not_in_service(endpoint: str, reason: object) -> PredictionError:
    return PredictionError(f"endpoint {endpoint} did not come into service: {reason}")
