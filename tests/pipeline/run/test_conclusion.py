"""After the last step: the endpoint is asked about one test picture, and what comes of it."""

import io
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.command_line.stopping import cancel_on_signals
from pipeline.local.engine.scheduler import ExecutionResult, StepResult
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from pipeline.report.contents import Run as RunOfReport
from pipeline.report.contents import RunReport
from pipeline.report.making import WrittenReport
from pipeline.run import conclusion
from pipeline.run.arrival import Deployed
from pipeline.run.conclusion import conclude
from pipeline.run.outcome import LocalOutcome
from pipeline.run.smoke_test import made_question
from pipeline.settings.serverless import MAXIMUM_BODY
from tests.conftest import ECHO

EVALUATION = "s3://b/evaluation"
BROKEN = "def model_fn(model_dir):\n    raise RuntimeError('weights do not fit')\n"
WriteModel = Callable[..., Path]


@dataclass
class Run:
    """A run whose last step has just ended; its model takes every picture for a beagle."""

    data: Path
    store: Store
    service: Service
    write_model: WriteModel

    def predicted(self, *files: str, prediction: str = "beagle") -> None:
        """Evaluate's predictions of these files, in that order."""
        folder = self.store.path(EVALUATION)
        folder.mkdir(parents=True)
        accuracy = {"multiclass_classification_metrics": {"accuracy": {"value": 0.75}}}
        (folder / "evaluation.json").write_text(json.dumps(accuracy))
        rows = [{"file": file, "label": "boxer", "prediction": prediction} for file in files]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / "predictions.jsonl").write_text(lines)

    def deploy(self, config: str = "ours", **model: Any) -> None:
        """Bring the endpoint to a new configuration, and do not wait for it."""
        call, uri = self.service.api.call, f"s3://b/{config}.tar.gz"
        self.write_model(self.store.path(uri), **model)
        container = {"Image": "image:1", "ModelDataUrl": uri}
        call("CreateModel", {"ModelName": config, "PrimaryContainer": container})
        variant = {"VariantName": "A", "ModelName": config, "InitialInstanceCount": 1}
        made = {"EndpointConfigName": config, "ProductionVariants": [variant]}
        call("CreateEndpointConfig", made)
        operation = "UpdateEndpoint" if self.store.get("Endpoint", "e") else "CreateEndpoint"
        call(operation, {"EndpointName": "e", "EndpointConfigName": config})

    def settle(self) -> None:
        """Wait until the endpoint is at rest."""
        assert self.service.hosting.settle(60)

    def conclude(self, cancel: threading.Event | None = None) -> LocalOutcome:
        """Its outcome."""
        output = {"OutputName": "evaluation", "S3Output": {"S3Uri": EVALUATION}}
        answer = {"endpoint_name": "e", "endpoint_config_name": "ours"}
        properties: dict[str, dict[str, Any]] = {
            "Evaluate": {"ProcessingOutputConfig": {"Outputs": [output]}},
            "Deploy": {"OutputParameters": answer},
        }
        steps = {name: StepResult("Succeeded", found) for name, found in properties.items()}
        result = ExecutionResult("e1", "arn:e1", "Succeeded", steps, None)
        place = (self.data.as_uri(), self.store, self.service.address)
        return conclude(result, *place, cancel=cancel or threading.Event())


@pytest.fixture
def run(
    tmp_path: Path,
    store: Store,
    service: Service,
    write_model: WriteModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    told = RunReport(RunOfReport("e1", "arn:e1", "dogs", "local", "Succeeded"))
    written = WrittenReport(Path("report.html"), told, None)
    monkeypatch.setattr(conclusion, "report_local_run", lambda *_: written)
    return Run(tmp_path / "data", store, service, write_model)


def write_pictures(folder: Path, *files: str, content: bytes = b"\xff\xd8\xff") -> None:
    for file in (*files, "other/0.jpg"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)


@pytest.mark.parametrize("wrapper", [".", "wrap", "a/b"])
def test_the_first_test_picture_is_asked_about_also_inside_folders_that_wrap_the_data(
    wrapper: str, run: Run
) -> None:
    write_pictures(run.data / wrapper, "boxer/1.jpg", "boxer/2.jpg")
    files = [(Path(wrapper) / f"boxer/{number}.jpg").as_posix() for number in (1, 2)]
    run.predicted(*files)
    run.deploy()
    outcome = run.conclude()
    assert outcome.asked
    assert (outcome.asked.file, outcome.asked.label) == (files[0], "boxer")
    assert (outcome.asked.prediction, outcome.asked.probability) == ("beagle", 0.75)
    assert (outcome.report, outcome.exit_code) == ("report.html", 0)
    picture = run.data / wrapper / "boxer/1.jpg"
    assert outcome.next_command
    assert f"predict {picture.resolve()} --endpoint e --state" in outcome.next_command


def test_a_picture_that_no_endpoint_takes_or_that_is_gone_is_passed_over(run: Run) -> None:
    write_pictures(run.data, "boxer/1.jpg", "boxer/2.jpg")
    with (run.data / "boxer/1.jpg").open("wb") as file:
        file.truncate(MAXIMUM_BODY + 1)
    run.predicted("boxer/1.jpg", "boxer/gone.jpg", "boxer/2.jpg")
    run.deploy()
    outcome = run.conclude()
    assert outcome.asked
    assert outcome.asked.file == "boxer/2.jpg"


def test_without_a_picture_it_is_asked_about_one_that_is_made(run: Run) -> None:
    run.predicted("boxer/1.jpg")
    run.deploy(code=ECHO.replace('"image/png"', '"image/webp"'))
    outcome = run.conclude()
    assert (outcome.next_command, outcome.exit_code) == (None, 0)
    assert "test picture   none of at most 4,194,304 bytes is" in outcome.summary()
    assert "asked about    a grey picture: beagle 75.0%" in outcome.summary()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n", "with status 415: no PNG here"),
        (b"crash", "with status 500"),
    ],
)
def test_a_refusal_is_a_failure_in_words_and_the_results_are_there(
    content: bytes, reason: str, run: Run
) -> None:
    write_pictures(run.data, "boxer/1.jpg", content=content)
    run.predicted("boxer/1.jpg")
    run.deploy()
    outcome = run.conclude()
    assert outcome.failure
    assert outcome.failure.startswith("endpoint e answers boxer/1.jpg ")
    assert reason in outcome.failure
    assert outcome.exit_code == 1
    assert "test accuracy  75.0% of 1 pictures" in outcome.summary()


def test_another_answer_than_evaluates_is_a_failure(run: Run) -> None:
    write_pictures(run.data, "boxer/1.jpg")
    run.predicted("boxer/1.jpg", prediction="boxer")
    run.deploy()
    outcome = run.conclude()
    assert outcome.failure == (
        "endpoint e answers beagle for boxer/1.jpg, and Evaluate computed boxer: "
        "serving and evaluation differ"
    )
    assert outcome.exit_code == 1


def test_an_endpoint_that_another_run_deployed_to_meanwhile_is_not_judged(run: Run) -> None:
    write_pictures(run.data, "boxer/1.jpg")
    run.predicted("boxer/1.jpg")
    run.deploy()
    run.settle()
    run.deploy("theirs", label="poodle")
    outcome = run.conclude()
    assert outcome.not_asked == "another run deployed theirs to the endpoint e meanwhile"
    assert (outcome.asked, outcome.failure, outcome.exit_code) == (None, None, 0)


def test_a_model_that_does_not_come_into_service_is_a_failure(run: Run) -> None:
    write_pictures(run.data, "boxer/1.jpg")
    run.predicted("boxer/1.jpg")
    run.deploy("before")
    run.settle()
    run.deploy(code=BROKEN)
    outcome = run.conclude()
    assert outcome.failure
    assert outcome.failure.startswith("endpoint e did not come into service: ")
    assert "weights do not fit" in outcome.failure
    assert outcome.exit_code == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_the_waiting_for_the_endpoint_and_what_was_made_stays(
    number: signal.Signals, run: Run, hangup_is_heeded: None
) -> None:
    write_pictures(run.data, "boxer/1.jpg")
    run.predicted("boxer/1.jpg")
    run.deploy(after=run.data / "never")
    with cancel_on_signals() as cancel:
        threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
        outcome = run.conclude(cancel)
    assert (outcome.status, outcome.report, outcome.exit_code) == ("Succeeded", "report.html", 3)
    assert "stopped        before its endpoint was asked" in outcome.summary()
    assert outcome.next_command
    assert "predict" in outcome.next_command


def test_a_stop_that_came_too_late_for_any_step_is_not_lost(run: Run) -> None:
    write_pictures(run.data, "boxer/1.jpg")
    run.predicted("boxer/1.jpg")
    run.deploy()
    cancel = threading.Event()
    cancel.set()
    outcome = run.conclude(cancel)
    assert (outcome.report, outcome.asked, outcome.exit_code) == ("report.html", None, 3)


def test_the_picture_that_is_made_is_one_that_a_model_takes() -> None:
    with Image.open(io.BytesIO(made_question(Deployed("e", "c")).picture)) as picture:
        picture.load()
        assert (picture.format, picture.size, picture.mode) == ("PNG", (64, 64), "L")
        assert picture.getextrema() == (128, 128)
