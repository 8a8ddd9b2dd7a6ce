"""One command: prepared, tuned, trained, tested, gated, registered, deployed, asked."""

import csv
import json
import re
import shlex
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.client import sagemaker_client, service_client
from pipeline.local.service.server import running_service
from pipeline.local.store import Store
from pipeline.sample.pictures import write_sample
from tests.e2e.conftest import ROOT, Finished, Run, command
from tests.patience import PATIENCE, wait_until
from tests.pipeline.schema.schema_support import document

pytestmark = pytest.mark.xdist_group("e2e")
# A run that waits for its stop as soon as a step is in a state, or before it asks its endpoint.
HELD = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from pipeline.command_line.running import run_command
from pipeline.run import beside_service, conclusion, locally
from pipeline.run.__main__ import main

mark, place, requests = Path(sys.argv.pop(1)), sys.argv.pop(1), []
ask, cancel_on_signals = conclusion.ask, beside_service.cancel_on_signals
loading_report = locally.loading_report

def hold(here):
    if here == place:
        mark.touch()
        while not requests[0].is_set():
            time.sleep(0.01)

def held_listener(listener):
    def hear(step):
        listener(step)
        hold(f"{step.name} {step.status}")
    return loading_report(hear)

def held_ask(*given):
    hold("ask")
    return ask(*given)

@contextmanager
def noted_signals():
    with cancel_on_signals() as request:
        requests.append(request)
        yield request

locally.loading_report = held_listener
conclusion.ask, beside_service.cancel_on_signals = held_ask, noted_signals
sys.exit(run_command(main))
"""
NewState = Callable[[], Path]
JOBS = ("Prepare", "ExtractFeatures", "Tune", "Train", "Evaluate")


def cached_steps(progress: str) -> list[str]:
    return [line.split()[0] for line in progress.splitlines() if "from the cache" in line]


def model_of(result: dict[str, Any]) -> bytes:
    """The archive that a run made, or took from the cache."""
    return (ROOT / result["model"]).read_bytes()


def versions(state: Path) -> list[str]:
    answer = sagemaker_client(Store(state)).list_model_packages(ModelPackageType="Versioned")
    return [package["ModelPackageArn"] for package in answer["ModelPackageSummaryList"]]


def executions(state: Path, project: str = "dog-breeds") -> list[str]:
    client = sagemaker_client(Store(state))
    answer = client.list_pipeline_executions(PipelineName=project, SortOrder="Ascending")
    return [each["PipelineExecutionStatus"] for each in answer["PipelineExecutionSummaries"]]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@contextmanager
def held(
    line: list[str], mark: Path, place: str, **options: Any
) -> Iterator["subprocess.Popen[str]"]:
    """The run of a command line, once it has come to that place, where it waits for its stop."""
    python, _, _, *words = line
    process = subprocess.Popen(
        [python, "-c", HELD, str(mark), place, *words], cwd=ROOT, text=True, **options
    )
    try:
        wait_until(lambda: mark.exists() or process.poll() is not None)
        assert process.poll() is None, Path(options["stderr"].name).read_text()
        yield process
    finally:
        process.kill()


def test_the_model_learned_and_is_registered_deployed_and_asked(finished: Finished) -> None:
    result = finished.result
    assert result["status"] == "Succeeded"
    assert result["accuracy"] >= 0.5
    assert (result["version"], result["approval_status"]) == (1, "PendingManualApproval")
    assert result["model_package"] in versions(finished.state)
    assert result["endpoint"] == "dog-breeds-staging"
    assert result["asked"]["prediction"] in {path.name for path in finished.data.iterdir()}
    assert all(re.search(rf"{job} +Succeeded", finished.progress) for job in JOBS)


def test_the_profile_has_every_job_and_what_is_around_them(
    finished: Finished, again: Finished
) -> None:
    profile = finished.result["profile"]
    parts = {part["name"]: part["cpu_seconds"] for part in profile["parts"]}
    assert [*parts][:3] == ["start", "read the data's folders", "compile and stage"]
    assert [*parts][-2:] == ["report", "ask the endpoint"]
    assert all(parts[job] > 0 for job in JOBS)
    assert 0 < profile["used"] <= 1
    assert again.result["profile"] is None


def test_the_next_command_works_as_it_is_printed(
    finished: Finished, environment: dict[str, str]
) -> None:
    typed = shlex.split(finished.result["next_command"])
    done = subprocess.run(
        typed, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert finished.result["asked"]["prediction"] in done.stdout


def test_served_answers_are_what_evaluate_computed(finished: Finished) -> None:
    (predictions,) = finished.state.glob("s3/*/runs/*/Evaluate/evaluation/predictions.jsonl")
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    store = Store(finished.state)
    with running_service(store) as service:
        runtime = service_client("sagemaker-runtime", service.address)
        for row in rows:
            reply = runtime.invoke_endpoint(
                EndpointName=finished.result["endpoint"],
                ContentType="image/jpeg",
                Body=(finished.data / row["file"]).read_bytes(),
            )
            answer = json.loads(reply["Body"].read())["predictions"][0]
            assert answer["label"] == row["prediction"]
            assert list(answer["probabilities"].values()) == pytest.approx(
                row["probabilities"], abs=1e-4
            )


def test_a_model_says_what_it_was_made_from(finished: Finished) -> None:
    client = sagemaker_client(Store(finished.state))
    package = client.describe_model_package(ModelPackageName=finished.result["model_package"])
    metadata = package["CustomerMetadataProperties"]
    (dataset,) = finished.state.glob("s3/*/runs/*/Prepare/dataset/dataset.json")
    assert metadata["DataFingerprint"] == json.loads(dataset.read_text())["fingerprint"]
    assert client.describe_training_job(TrainingJobName=metadata["TrainingJob"])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", metadata["GitCommit"])
    assert Store(finished.state).path(metadata["Report"]) == Path(finished.result["report"])


def test_the_training_was_judged_and_profiled_without_sagemaker_debugger(
    finished: Finished, tmp_path: Path
) -> None:
    client = sagemaker_client(Store(finished.state))
    package = client.describe_model_package(ModelPackageName=finished.result["model_package"])
    name = package["CustomerMetadataProperties"]["TrainingJob"]
    job = client.describe_training_job(TrainingJobName=name)
    assert not [member for member in job if member.startswith("Debug")]
    archive = Store(finished.state).path(job["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(archive.with_name("output.tar.gz")) as output:
        output.extractall(tmp_path, filter="data")
    assert (tmp_path / "profile" / "profile.json").is_file()
    assert (tmp_path / "model_summary.json").is_file()
    rules = json.loads((tmp_path / "debug" / "rules.json").read_text())["rules"]
    assert {rule["status"] for rule in rules} <= {"NoIssuesFound", "IssuesFound"}
    assert len(rules) == 5
    assert "found" in finished.result["rules"]


def test_the_report_shows_what_the_run_measured(finished: Finished) -> None:
    folder = Path(finished.result["report"]).parent
    assert f"{finished.result['accuracy']:.1%}".rstrip("%") in (folder / "report.html").read_text()
    values = {row["metric"]: row["value"] for row in rows_of(folder / "metrics/Evaluate.csv")}
    assert float(values["accuracy"]) == finished.result["accuracy"]
    assert len(rows_of(folder / "metrics/Train.csv")) == 8
    assert len(rows_of(folder / "metrics/Tune.csv")) == 2
    for name in ("gradient-norms", "update-ratios", "losses", "step-times", "layers"):
        assert rows_of(folder / f"metrics/Train-{name}.csv")
    assert {path.stem for path in (folder / "plots").iterdir()} >= {"confusion", "history_loss"}


def test_the_same_run_again_takes_every_job_from_the_cache(
    finished: Finished, again: Finished
) -> None:
    assert set(cached_steps(again.progress)) >= set(JOBS)
    assert model_of(again.result) == model_of(finished.result)


def test_a_run_from_a_step_takes_the_others_of_the_run_before(
    finished: Finished, run: Run, tmp_path: Path
) -> None:
    state = finished.copied(tmp_path / "state").state
    done = run(state, "--from", "Gate", "--json")
    assert done.returncode == 0, done.stderr
    before = finished.result["execution"]
    assert len(re.findall(rf"^\w+ +Succeeded +of run {before}$", done.stderr, re.M)) == 6
    result = document("run --local", done.stdout)
    assert result["data"] == finished.result["data"]
    assert model_of(result) == model_of(finished.result)
    assert (result["accuracy"], result["version"]) == (finished.result["accuracy"], 2)
    assert result["asked"]["label"], "it was asked about a picture of the run before"
    assert f"not run, as in run {before}" in Path(ROOT / result["report"]).read_text()


def test_with_shuffled_labels_the_gate_says_no(
    run: Run, new_state: NewState, tmp_path: Path
) -> None:
    state = new_state()
    write_sample(tmp_path / "nonsense", classes=4, per_class=40, shuffle_labels=True)
    done = run(state, "--data", str(tmp_path / "nonsense"))
    assert done.returncode == 1
    assert re.search(r"not passed +Test accuracy \d+\.\d% is below the gate's 50\.0%", done.stdout)
    assert re.search(r"next: \S+ -m pipeline\.run .+backbone\.weights=imagenet", done.stdout)
    assert versions(state) == []
    assert sagemaker_client(Store(state)).list_endpoints()["Endpoints"] == []
    (report,) = state.glob("s3/*/runs/*/report/report.html")
    assert "AccuracyTooLow" in report.read_text()


def test_ctrl_c_leaves_nothing_half_registered_and_the_run_goes_on_when_it_is_retried(
    finished: Finished, environment: dict[str, str], tmp_path: Path
) -> None:
    state, log = finished.copied(tmp_path / "state").state, tmp_path / "progress"
    before = versions(state)
    another_trial = ["--data", str(finished.data), "--parameter", "TuningMaxJobs=3"]
    line, mark = command(state, another_trial), tmp_path / "mark"
    with (
        log.open("w") as progress,
        held(line, mark, "Tune Executing", env=environment, stderr=progress) as process,
    ):
        assert re.search(r"Tune +Executing", log.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 3
    assert versions(state) == before
    assert executions(state) == ["Succeeded", "Stopped"]
    reports = set(state.glob("s3/*/runs/*/report/report.html"))
    (report,) = (one for one in reports if finished.result["execution"] not in one.parts)
    assert "Stopped" in report.read_text()
    retry = ["-m", "pipeline.run", "--local", "--retry", "newest", "--state", str(state)]
    again = subprocess.run(
        [sys.executable, *retry],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    kept = re.findall(r"^(\w+) +Succeeded +of run ", again.stderr, re.M)
    assert {"Prepare", "ExtractFeatures"} <= set(kept)
    assert executions(state) == ["Succeeded"] * 2
    assert len(versions(state)) == 2


def test_a_stop_after_the_last_step_keeps_the_results_and_is_said(
    finished: Finished, environment: dict[str, str], tmp_path: Path
) -> None:
    log, state = tmp_path / "progress", finished.copied(tmp_path / "state").state
    line, mark = command(state, ["--data", str(finished.data)]), tmp_path / "mark"
    pipes = {"stdout": subprocess.PIPE}
    with (
        log.open("w") as progress,
        held(line, mark, "ask", env=environment, stderr=progress, **pipes) as process,
    ):
        assert re.search(r"Deploy +Succeeded", log.read_text())
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert printed.startswith("Succeeded: execution ")
    assert re.search(r"stopped +before .*its endpoint was asked", printed)
    assert executions(state) == ["Succeeded"] * 2


def test_a_step_that_fails_says_which_why_and_where_its_log_is(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    import torch

    from network import build_backbone

    state = build_backbone("resnet18").state_dict()
    state["conv1.weight"].fill_(float("nan"))  # fits, and only a picture shows what it is
    torch.save(state, tmp_path / "lost.pth")
    weights = f"backbone.weights={tmp_path / 'lost.pth'}"
    done = run(tmp_path / "state", "--data", str(pictures), "--set", weights)
    assert done.returncode == 1
    assert "step ExtractFeatures failed (exit code 1)" in done.stdout
    assert "features are not finite numbers" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert versions(tmp_path / "state") == []


def test_fine_tuning_gets_the_pictures_and_sagemaker_debugger_judges_it(
    finished: Finished, run: Run, tmp_path: Path
) -> None:
    state = finished.copied(tmp_path / "state").state
    done = run(
        *(state, "--data", str(finished.data), "--json", "--set", "debugger.mode=service"),
        *("--set", "training.fine_tune_blocks=1", "--set", "training.fine_tune_epochs=1"),
        *("--set", "training.fine_tune_views=1"),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert model_of(result) != model_of(finished.result)
    assert {"Prepare", "ExtractFeatures"} <= set(cached_steps(done.stderr))
    name = f"pipelines-{result['execution']}-Train"
    job = sagemaker_client(Store(state)).describe_training_job(TrainingJobName=name)
    asked = [each["RuleConfigurationName"] for each in job["DebugRuleConfigurations"]]
    ended = {
        each["RuleConfigurationName"]: each["RuleEvaluationStatus"]
        for each in job["DebugRuleEvaluationStatuses"]
    }
    assert list(ended) == asked
    assert set(ended.values()) <= {"NoIssuesFound", "IssuesFound"}
    assert "found" in result["rules"]


@pytest.mark.parametrize(
    ("made", "code", "says"),
    [
        ("empty", 2, "holds no class folders with pictures in them"),
        ("unreadable", 1, "next: mend what it says"),
    ],
)
def test_data_that_cannot_be_used_is_a_clear_error(
    made: str, code: int, says: str, run: Run, new_state: NewState
) -> None:
    data = new_state() / "data"
    data.mkdir()
    if made == "unreadable":
        write_sample(data, classes=2, per_class=12)
        for picture in max(data.iterdir()).iterdir():
            picture.write_bytes(b"no picture")
    done = run(new_state(), "--data", str(data))
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
