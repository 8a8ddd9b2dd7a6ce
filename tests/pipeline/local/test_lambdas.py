"""Lambda steps: the handler as Lambda would call it, in a process of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.store import Store
from tests.pipeline.local.runner_support import Json, Lab, cached

ARN = "arn:aws:lambda:us-east-1:111122223333:function:dogs-deploy"
ECHO = """
import os
from helper import greeting
def lambda_handler(event, context):
    print("working")
    return {"event": str(sorted(event.items())), "greeting": greeting, "count": 3,
            "url": os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER"),
            "s3": os.environ.get("AWS_ENDPOINT_URL_S3"),
            "secret": os.environ["AWS_SECRET_ACCESS_KEY"],
            "name": context.function_name, "arn": context.invoked_function_arn,
            "time": context.get_remaining_time_in_millis() > 500_000}
"""
OUTPUTS = ["event", "greeting", "count", "url", "s3", "secret", "name", "arn", "time"]


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _step(outputs: list[str], **inputs: Any) -> Json:
    declared = [{"OutputName": name, "OutputType": "String"} for name in outputs]
    return {
        "Name": "Deploy",
        "Type": "Lambda",
        "FunctionArn": ARN,
        "Arguments": inputs,
        "OutputParameters": declared,
    }


def _handlers(tmp_path: Path, code: str) -> dict[str, Any]:
    (tmp_path / "helper.py").write_text("greeting = 'hello'")
    (tmp_path / "deploy.py").write_text(code)
    return {
        "lambda_handlers": {"dogs-deploy": tmp_path / "deploy.py"},
        "service_url": "http://127.0.0.1:9",
    }


def test_a_handler_gets_its_event_and_the_local_service(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "top-secret")
    step = _step(OUTPUTS, endpoint_name={"Get": "Parameters.Name"}, instance_count=1)
    after = lab.processing(
        "After",
        "import sys\nprint(sys.argv[1:])",
        arguments=[
            {"Get": "Steps.Deploy.OutputParameters['greeting']"},
            {"Get": "Steps.Deploy.OutputParameters['count']"},
        ],
    )
    handlers = _handlers(tmp_path, ECHO)
    result = lab.run(step, after, parameters={"Name": "dogs"}, **handlers)
    assert result.status == "Succeeded", result.failure
    output = result.steps["Deploy"].properties["OutputParameters"]
    assert output == {
        "event": "[('endpoint_name', 'dogs'), ('instance_count', 1)]",
        "greeting": "hello",
        "count": 3,
        "url": "http://127.0.0.1:9",
        "s3": "http://127.0.0.1:9",
        "secret": "local",
        "name": "dogs-deploy",
        "arn": ARN,
        "time": True,
    }
    metadata = lab.step_documents()["Deploy"]["Metadata"]["Lambda"]
    assert metadata["Arn"] == ARN
    assert {"Name": "count", "Value": "3"} in metadata["OutputParameters"]
    folder = lab.store.root / "runs" / result.execution_id
    assert (folder / "Deploy" / "log.txt").read_text() == "working\n"
    assert (folder / "After" / "log.txt").read_text() == "['hello', '3']\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def handler(e, c): raise ValueError('no such package')", "ValueError: no such package"),
        ("def handler(e, c): return {'x': 1}", "did not return the declared output 'endpoint'"),
        ("def handler(e, c): return None", "did not return the declared output 'endpoint'"),
        ("def handler(e, c): return {'endpoint': object()}", "not JSON serializable"),
        ("def run(e, c): pass", "no function named lambda_handler or handler"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import os\nos._exit(3)", "ended without an answer"),
    ],
)
def test_a_handler_that_fails_gives_its_own_message(
    lab: Lab, tmp_path: Path, code: str, reason: str
) -> None:
    result = lab.run(_step(["endpoint"]), **_handlers(tmp_path, code))
    assert result.status == "Failed"
    assert reason in str(result.failure)
    assert reason in lab.step_documents()["Deploy"]["FailureReason"]


def test_a_function_without_code_here_is_refused(lab: Lab) -> None:
    result = lab.run(_step([]))
    assert "no code for the function 'dogs-deploy'" in str(result.failure)


def test_a_lambda_step_is_cached_by_function_and_inputs(lab: Lab, tmp_path: Path) -> None:
    code = "def handler(e, c): return e"
    handlers = _handlers(tmp_path, code)

    def run(size: int) -> tuple[bool, Any]:
        step = lab.run(cached(_step(["size"], size=size)), **handlers).steps["Deploy"]
        return step.cached, step.properties["OutputParameters"]["size"]

    assert [run(1), run(1), run(2)] == [(False, 1), (True, 1), (False, 2)]


def test_a_function_that_a_parameter_names_is_cached_by_the_one_it_names(
    lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "greet.py").write_text("def handler(e, c): return {'name': c.function_name}")
    handlers = dict.fromkeys(("dogs", "cats"), tmp_path / "greet.py")

    def run(name: str) -> tuple[bool, str]:
        place = ARN.removesuffix("dogs-deploy")
        arn = {"Std:Join": {"On": "", "Values": [place, {"Get": "Parameters.Name"}]}}
        step = cached(_step(["name"]) | {"FunctionArn": arn})
        done = lab.run(step, parameters={"Name": name}, lambda_handlers=handlers).steps["Deploy"]
        metadata = lab.step_documents()["Deploy"]["Metadata"]["Lambda"]
        assert metadata["Arn"] == f"{place}{name}"
        return done.cached, done.properties["OutputParameters"]["name"]

    assert [run("dogs"), run("dogs"), run("cats")] == [
        (False, "dogs"),
        (True, "dogs"),
        (False, "cats"),
    ]


def test_a_handler_named_by_version_is_the_same_function(lab: Lab, tmp_path: Path) -> None:
    step = _step(["x"], x=1) | {"FunctionArn": f"{ARN}:live"}
    result = lab.run(step, **_handlers(tmp_path, "def handler(e, c): return e"))
    assert result.status == "Succeeded"
    event = lab.store.root / "runs" / result.execution_id / "Deploy" / "event.json"
    assert json.loads(event.read_text()) == {"x": 1}
