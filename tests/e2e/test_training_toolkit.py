"""AWS's own training toolkit runs our code as the local runner does, and makes the same models."""

import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.local.jobs.training import run_training_job
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.e2e.conftest import ROOT, Finished
from tests.e2e.toolkit_support import Ended, Json, missing_toolkit, run_toolkit
from tests.pipeline.local.runner_support import Lab

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.skipif(missing_toolkit() is not None, reason=str(missing_toolkit())),
]
FINE_TUNING = {
    "epochs": "3",
    "fine_tune_blocks": "1",
    "fine_tune_epochs": "1",
    "fine_tune_views": "1",
    "graph": "none",
    "sagemaker_torch_distributed_enabled": "true",  # as the SDK's distribution asks for torchrun
}
Toolkit = Callable[..., list[Ended]]
DefinitionOf = Callable[[Settings], Json]


@pytest.fixture
def state(finished: Finished, tmp_path: Path) -> Store:
    """The store of a finished run, to go on with."""
    return Store(finished.copied(tmp_path / "state").state)


@pytest.fixture
def toolkit(state: Store, environment: dict[str, str], tmp_path: Path, held_port: int) -> Toolkit:
    """Runs a training job's request by AWS's toolkit."""
    return lambda request: run_toolkit(request, state, tmp_path / "ml", environment, held_port)


def trainings(state: Store, *, final: bool) -> list[Json]:
    """The final training of the run, or its trials."""
    return [job for job in state.list("TrainingJob") if ("TuningJobArn" in job) != final]


def changed(job: Mapping[str, Any], state: Store, told: Mapping[str, str], count: int = 1) -> Json:
    """A training that fine-tunes: with pictures, other hyperparameters, on `count` machines."""
    features = job["InputDataConfig"][0]
    uri = features["DataSource"]["S3DataSource"]["S3Uri"]
    source = {**features["DataSource"]["S3DataSource"], "S3Uri": dataset_of(state)}
    assert uri != source["S3Uri"]
    pictures = {"ChannelName": "dataset", "DataSource": {"S3DataSource": source}}
    return {
        **job,
        "HyperParameters": {**job["HyperParameters"], **told},
        "InputDataConfig": [features, pictures],
        "ResourceConfig": {**job["ResourceConfig"], "InstanceCount": count},
    }


def dataset_of(state: Store) -> str:
    """Where Prepare left the pictures."""
    outputs = [
        output
        for job in state.list("ProcessingJob")
        for output in job["ProcessingOutputConfig"]["Outputs"]
    ]
    return next(o["S3Output"]["S3Uri"] for o in outputs if o["OutputName"] == "dataset")


def run_here(request: Mapping[str, Any], state: Store, tmp_path: Path) -> Path:
    """The model's archive of the local runner, for the same request."""
    job = replace(Lab(state).job(), name="here", work=tmp_path / "here")
    outcome = run_training_job(request, job)
    assert outcome.failure is None, outcome.failure
    return state.path(outcome.document["ModelArtifacts"]["S3ModelArtifacts"])


def files_of(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def assert_same_model(archive: Path, theirs: Path, scratch: Path) -> None:
    """The same files with the same weights as in the archive of a local run."""
    with tarfile.open(archive) as packed:
        packed.extractall(scratch, filter="data")
    assert files_of(theirs) == files_of(scratch)
    for path in scratch.glob("*.json"):
        assert (theirs / path.name).read_text() == path.read_text()
    (weights,) = scratch.glob("*.safetensors")
    ours, others = load_file(weights), load_file(theirs / weights.name)
    assert set(ours) == set(others)
    for key, value in ours.items():
        np.testing.assert_allclose(others[key], value, atol=1e-6, err_msg=key)


def assert_succeeded(ended: Ended) -> None:
    assert ended.code == 0, ended.log[-3000:]
    assert (ended.base / "output" / "success").exists()


def metrics_of(job: Mapping[str, Any], log: str) -> dict[str, int]:
    """How many log lines each expression of the definition finds its metric in."""
    definitions = job["AlgorithmSpecification"]["MetricDefinitions"]
    return {
        one["Name"]: sum(len(re.findall(one["Regex"], line)) for line in log.splitlines())
        for one in definitions
    }


def test_a_trial(state: Store, toolkit: Toolkit, tmp_path: Path) -> None:
    trial = trainings(state, final=False)[0]
    (ended,) = toolkit(trial)
    assert_succeeded(ended)
    archive = state.path(trial["ModelArtifacts"]["S3ModelArtifacts"])
    assert_same_model(archive, ended.base / "model", tmp_path / "ours")
    assert set(metrics_of(trial, ended.log).values()) == {8}  # one an epoch


def test_the_final_training_judges_itself(state: Store, toolkit: Toolkit, tmp_path: Path) -> None:
    (job,) = trainings(state, final=True)
    (ended,) = toolkit(job)
    assert_succeeded(ended)
    archive = state.path(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert_same_model(archive, ended.base / "model", tmp_path / "ours")
    assert set(metrics_of(job, ended.log).values()) == {8}
    with tarfile.open(archive.with_name("output.tar.gz")) as packed:
        packed.extractall(tmp_path / "output", filter="data")
    judged = [
        json.loads((folder / "debug" / "rules.json").read_text())["rules"]
        for folder in (tmp_path / "output", ended.base / "output" / "data")
    ]
    assert judged[0] == judged[1]
    assert len(judged[0]) == 5


def test_the_final_training_with_sagemaker_debugger(
    state: Store, toolkit: Toolkit, tmp_path: Path, definition_of: DefinitionOf
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", ["debugger.mode=service"])
    (step,) = (s for s in definition_of(settings)["Steps"] if s["Name"] == "Train")
    asked = {name: value for name, value in step["Arguments"].items() if name.startswith("Debug")}
    (job,) = trainings(state, final=True)
    told = {n: v for n, v in job["HyperParameters"].items() if not n.startswith("debug_")}
    request = {**job, **asked, "HyperParameters": {**told, "graph": "none"}}
    (ended,) = toolkit(request)
    assert_succeeded(ended)
    assert_same_model(run_here(request, state, tmp_path), ended.base / "model", tmp_path / "ours")
    assert set(metrics_of(job, ended.log).values()) == {8}
    saved = files_of(ended.base / "output" / "tensors")
    place = f"{asked['DebugHookConfig']['S3OutputPath']}/here/debug-output"
    assert {path for path in files_of(state.path(place)) if path.suffix != ".ts"} == saved
    assert any(path.suffix == ".tfevents" for path in saved)


@pytest.mark.parametrize("machines", [1, 2])
def test_fine_tuning_by_torchrun(
    state: Store, toolkit: Toolkit, tmp_path: Path, machines: int
) -> None:
    (job,) = trainings(state, final=True)
    request = changed(job, state, FINE_TUNING, machines)
    first, *others = toolkit(request)
    for ended in (first, *others):
        assert_succeeded(ended)
        assert re.search(rf"\btorchrun --nnodes {machines} ", ended.log)
    assert_same_model(run_here(request, state, tmp_path), first.base / "model", tmp_path / "ours")
    assert set(metrics_of(job, first.log).values()) == {4}
    for ended in others:
        assert set(metrics_of(job, ended.log).values()) == {0}
        assert not files_of(ended.base / "model")


def test_a_script_that_fails_says_why(state: Store, toolkit: Toolkit) -> None:
    (job,) = trainings(state, final=True)
    features = [one for one in job["InputDataConfig"] if one["ChannelName"] == "features"]
    (ended,) = toolkit({**job, "InputDataConfig": features})
    assert ended.code == 1
    assert ended.failure.startswith("hyperparameter graph is onnx, but the job has no channel")
    assert not (ended.base / "output" / "success").exists()
