"""Requests to SageMaker's managed MLflow carry its ARN and a signature that holds."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.local.service.credentials import ACCESS_KEY
from pipeline.local.service.operations.context import ApiError
from pipeline.local.service.signatures import Received, check_signature
from pipeline.report.tracking.destination import TrackingError, open_destination

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:mlflow-{}"
SECRET = "5" * 64
pytestmark = pytest.mark.xdist_group("mlflow")


class Checking(BaseHTTPRequestHandler):
    """Answers what MLflow asks first, and keeps the requests."""

    received: list[Received]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received.append(Received(self.command, self.path, headers, body))
        known = b'{"experiment": {"experiment_id": "7", "name": "d", "lifecycle_stage": "active"}}'
        answer = known if self.command == "GET" else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.mark.parametrize(
    ("kind", "header", "service"),
    [
        ("tracking-server/ours", "x-mlflow-sm-tracking-server-arn", "sagemaker-mlflow"),
        ("app/app-1", "x-sm-mlflow-app-arn", "sagemaker"),
    ],
)
def test_what_is_sent_is_signed(
    serve: Callable[[Any], str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    header: str,
    service: str,
) -> None:
    handler = type("Handler", (Checking,), {"received": []})
    monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", serve(handler))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    opened = open_destination(ARN.format(kind), "dogs and cats")
    opened.write_tags("0" * 32, {"name": "a + b"})
    asked, tagged = handler.received
    for request in (asked, tagged):
        check_signature(request, SECRET)
        assert request.headers[header] == ARN.format(kind)
        assert f"/eu-west-1/{service}/aws4_request" in request.headers["authorization"]
        assert request.headers["x-amz-security-token"] == "a-token"
    assert b"a + b" in (tagged.body or b"")
    with pytest.raises(ApiError):
        check_signature(asked, "6" * 64)


def test_each_opening_signs_with_the_credentials_of_then(
    serve: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = type("Handler", (Checking,), {"received": []})
    monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", serve(handler))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    for secret in ("1" * 64, "2" * 64):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        open_destination(ARN.format("app/app-2"), "dogs")
        check_signature(handler.received[-1], secret)


def test_without_credentials_nothing_is_sent() -> None:
    with pytest.raises(UsageError, match="no AWS credentials for arn:aws:sagemaker"):
        open_destination(ARN.format("app/app-1"), "dogs")


def test_a_managed_mlflow_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, held_port: int
) -> None:
    monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", f"http://127.0.0.1:{held_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(TrackingError, match="mlflow-app/app-1: "):
        open_destination(ARN.format("app/app-1"), "dogs")
