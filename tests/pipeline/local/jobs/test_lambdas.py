"""Lambda steps: the handler as Lambda would call it, in a process of its own."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.engine.executions import Place
from pipeline.local.failures import StepFailed
from pipeline.local.service.credentials import Address
from pipeline.local.store import Store
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import SLEEP, Json, Lab, cached, wait_for

ARN = "arn:aws:lambda:us-east-1:111122223333:function:dogs-deploy"
ECHO = """
import os
from helper import greeting
def handler(event, context):
    raise AssertionError("lambda_handler comes first")
def lambda_handler(event, context):
    print("working")
    return {"event": str(sorted(event.items())), "greeting": greeting, "count": 3,
            "urls": " ".join(v for k, v in os.environ.items() if k.startswith("AWS_ENDPOINT_URL_")),
            "aws": " ".join(os.environ.get(f"AWS_{name}", "none") for name in (
                "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "EC2_METADATA_DISABLED")),
            "name": context.function_name, "arn": context.invoked_function_arn,
            "time": 500_000 < context.get_remaining_time_in_millis() <= 600_000}
"""
SERVICE = "http://127.0.0.1:8080"  # which no function here asks
OUTPUTS = ["event", "greeting", "count", "urls", "aws", "name", "arn", "time"]


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
        "service": Address(SERVICE, "secret"),
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
    place = Place("eu-west-1")
    result = lab.run(step, after, parameters={"Name": "dogs"}, place=place, **handlers)
    assert result.status == "Succeeded", result.failure
    output = result.steps["Deploy"].properties["OutputParameters"]
    assert output == {
        "event": "[('endpoint_name', 'dogs'), ('instance_count', 1)]",
        "greeting": "hello",
        "count": 3,
        "urls": " ".join([SERVICE] * 3),
        "aws": "local secret eu-west-1 true",
        "name": "dogs-deploy",
        "arn": ARN,
        "time": True,
    }
    metadata = lab.step_documents()["Deploy"]["Metadata"]["Lambda"]
    assert metadata["Arn"] == ARN
    for said in ({"Name": "count", "Value": "3"}, {"Name": "time", "Value": "true"}):
        assert said in metadata["OutputParameters"]
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
        ("import sys\nopen(sys.argv[-1], 'w').write('{')\nsys.exit()", "ended without an answer"),
    ],
)
def test_a_handler_that_fails_gives_its_own_message(
    lab: Lab, tmp_path: Path, code: str, reason: str
) -> None:
    result = lab.run(_step(["endpoint"]), **_handlers(tmp_path, code))
    assert result.status == "Failed"
    assert reason in str(result.failure)
    assert ("(exit code 3)" in str(result.failure)) == ("_exit(3)" in code)
    assert reason in lab.step_documents()["Deploy"]["FailureReason"]


def test_a_handler_that_fails_says_where(lab: Lab, tmp_path: Path) -> None:
    code = "def handler(event, context):\n    raise ValueError"
    failure = lab.run(_step([]), **_handlers(tmp_path, code)).failure
    assert f'| File "{tmp_path}/deploy.py", line 2, in handler' in " ".join(str(failure).split())


def test_a_function_without_code_here_is_refused(lab: Lab, tmp_path: Path) -> None:
    absent = tmp_path / "absent.py"
    for handlers, place in (({}, "none was named for it"), ({"dogs-deploy": absent}, absent)):
        failure = lab.run(_step([]), lambda_handlers=handlers).failure
        assert f"no code for the function 'dogs-deploy': {place}" in str(failure)


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
    code = """
import os
def handler(event, context):
    return {"own": context.function_name, "arn": context.invoked_function_arn,
            "variable": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}
"""
    step = _step(["own", "arn", "variable"]) | {"FunctionArn": f"{ARN}:live"}
    result = lab.run(step, **_handlers(tmp_path, code))
    assert result.status == "Succeeded", result.failure
    output = result.steps["Deploy"].properties["OutputParameters"]
    assert output == {"own": "dogs-deploy", "arn": f"{ARN}:live", "variable": "dogs-deploy"}


BUSY = """
import time
from pathlib import Path
def handler(event, context):
    Path(event["mark"]).touch()
    for _ in range(60_000):
        if Path(event["go"]).exists():
            break
        time.sleep(0.01)
    return {"done": "yes"}
"""


def test_a_function_past_its_time_is_ended(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.jobs.lambda_main.LIMIT_S", 0.1)
    step = _step([], mark=str(tmp_path / "mark"), go=str(tmp_path / "never"))
    result = lab.run(step, **_handlers(tmp_path, BUSY))
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == "the function took too long and was ended"


def test_a_stop_lets_a_function_finish(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.jobs.lambdas._STOP_PATIENCE_S", PATIENCE)
    mark, other, go = (tmp_path / name for name in ("mark", "other", "go"))
    beside = lab.processing("Beside", SLEEP, arguments=[str(other)])
    step = _step(["done"], mark=str(mark), go=str(go))
    with ThreadPoolExecutor() as pool:
        done = pool.submit(lab.run, step, beside, **_handlers(tmp_path, BUSY))
        wait_for(mark)
        wait_for(other)
        lab.cancel.set()
        while lab.step_documents()["Beside"]["StepStatus"] != "Stopped":
            time.sleep(0.01)
        go.touch()
    assert done.result().status == "Stopped"
    deploy = done.result().steps["Deploy"]
    assert (deploy.status, deploy.properties) == (
        "Succeeded",
        {"OutputParameters": {"done": "yes"}},
    )


def test_a_stop_has_no_endless_patience(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.local.jobs.lambdas._STOP_PATIENCE_S", 0.1)
    step = _step([], mark=str(tmp_path / "mark"), go=str(tmp_path / "never"))
    with ThreadPoolExecutor() as pool:
        done = pool.submit(lab.run, step, **_handlers(tmp_path, BUSY))
        wait_for(tmp_path / "mark")
        lab.cancel.set()
    assert done.result().status == "Stopped"
    failure = done.result().steps["Deploy"].failure
    assert isinstance(failure, StepFailed)
    assert failure.reason == "the function took too long and was ended"
