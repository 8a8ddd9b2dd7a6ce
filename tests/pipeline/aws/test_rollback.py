"""A rollback on AWS is asked of the function that deploys; its words come back."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.response import StreamingBody

from pipeline.aws import clients
from pipeline.command_line.running import run_command
from pipeline.endpoint import __main__ as endpoint
from tests.pipeline.aws.aws_support import ACCOUNT, Cloud
from tests.pipeline.schema.schema_support import document

NAME, ENDPOINT = "dog-breeds-deploy-endpoint", "dog-breeds-production"
PACKAGE = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package/dog-breeds/2"
ANSWER = {
    "action": "updated",
    "reason": "from dog-breeds-3 back to dog-breeds-2",
    "endpoint_name": ENDPOINT,
    "endpoint_config_name": "c",
    "model_package_arn": PACKAGE,
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `rollback --aws`; answers its exit code, output and errors."""
    monkeypatch.setattr(clients, "connect", lambda settings: cloud.aws)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run_command(endpoint.main, ["rollback", "--aws", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def _expect(cloud: Cloud, answer: Any, version: str | None = None, **members: str) -> None:
    payload = json.dumps(answer).encode()
    body = StreamingBody(io.BytesIO(payload), len(payload))
    event = {"rollback": {"endpoint_name": ENDPOINT, "version": version}}
    request = {"FunctionName": NAME, "Payload": json.dumps(event).encode()}
    cloud.expect("lambda", "invoke", {"StatusCode": 200, "Payload": body, **members}, request)


def test_production_goes_back_to_the_version_before(cloud: Cloud, run: Run) -> None:
    _expect(cloud, ANSWER)
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{ENDPOINT}: from dog-breeds-3 back to dog-breeds-2",
        "it takes a while: python -m pipeline.endpoint status --aws",
    ]


def test_or_to_the_one_that_is_named(cloud: Cloud, run: Run) -> None:
    _expect(cloud, ANSWER, "2")
    assert document("endpoint rollback", run(ENDPOINT, "--to", "2", "--json")[1]) == ANSWER


def test_one_that_has_to_wait_says_so(cloud: Cloud, run: Run) -> None:
    _expect(cloud, ANSWER | {"action": "waiting"})
    assert "back to dog-breeds-2 as soon as its update is over" in run()[1]


def test_what_the_function_refuses_is_one_line(cloud: Cloud, run: Run) -> None:
    refused = {"errorMessage": "there was none before", "errorType": "NothingToReturnToError"}
    _expect(cloud, refused, FunctionError="Unhandled")
    assert run() == (1, "", "error: there was none before\n")


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        ("ResourceNotFoundException", 2, f"no Lambda {NAME} in us-east-1: run python -m"),
        ("AccessDeniedException", 2, "asking the Lambda"),
        ("TooManyRequestsException", 1, "TooManyRequestsException"),
    ],
)
def test_what_aws_refuses_is_one_line(
    cloud: Cloud, run: Run, code: str, exit_code: int, words: str
) -> None:
    cloud.refuse("lambda", "invoke", code)
    result, out, err = run()
    assert (result, out, err.count("\n")) == (exit_code, "", 1)
    assert words in err


def test_names_follow_from_the_settings(cloud: Cloud, run: Run) -> None:
    event = {"rollback": {"endpoint_name": "cats-production", "version": None}}
    request = {
        "FunctionName": "cats-deploy-endpoint",
        "Payload": json.dumps(event).encode(),
    }
    payload = json.dumps(ANSWER).encode()
    answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload))}
    cloud.expect("lambda", "invoke", answer, request)
    assert run("--env", "production", "--set", "project=cats")[0] == 0
