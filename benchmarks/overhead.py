"""Measure the local runner's own time: what a step and a trial take besides their scripts."""

import io
import tarfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from pipeline.local.engine.scheduler import run_definition
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Document, Store

STEPS, TRIALS, PARALLEL = 10, 20, 1
QUICK_STEPS, QUICK_TRIALS = 3, 4
_BUCKET = "s3://bucket"
_ROLE = "arn:aws:iam::111122223333:role/execution"
# Loads PyTorch as our jobs do, and says when it began and ended.
_SCRIPT = """
import time
import torch
import os
first = time.time()
print("score=0.5", flush=True)
with open(os.environ["TIMES"], "a") as file:
    name = os.environ.get("NAME") or os.environ["TRAINING_JOB_NAME"]
    file.write(f"{name} {first} {time.time()}\\n")
"""


def run(context: Context) -> dict[str, Any]:
    """Run a chain of processing steps, a training and a tuning job, whose scripts do nothing."""
    steps = QUICK_STEPS if context.quick else STEPS
    trials = QUICK_TRIALS if context.quick else TRIALS
    store, times = Store(context.work / "state"), context.work / "times.txt"
    _write_code(store)
    definition = _definition(times, steps, trials)
    result = run_definition(
        definition,
        {},
        store,
        listener=lambda _: None,
        api=LocalApi(store),
        cancel=threading.Event(),
    )
    if result.status != "Succeeded":
        raise BenchmarkError(f"the empty pipeline {result.status.lower()}: {result.failure}")
    scripts = _read_times(times)
    names = [step["Name"] for step in definition["Steps"]]
    own_steps = _own_steps(store, names, scripts)
    own_trials = _own_trials(store, scripts)
    for what, values in (("step", own_steps), ("trial", own_trials)):
        context.say(f"runner's own seconds a {what}: {median(values):.3f}")
    return {"step_seconds": own_steps, "trial_seconds": own_trials}


def _own_steps(store: Store, names: Sequence[str], scripts: Mapping[str, float]) -> list[float]:
    """Seconds of each processing and training step, less its script's own."""
    documents = {step["StepName"]: step for step in store.list("PipelineExecutionStep")}
    return [
        _seconds(documents[name], "StartTime", "EndTime") - scripts[name]
        for name in names
        if name in scripts
    ]


def _own_trials(store: Store, scripts: Mapping[str, float]) -> list[float]:
    """Seconds of each trial, less its script's own."""
    trials = [job for job in store.list("TrainingJob") if "TuningJobArn" in job]
    return [
        _seconds(trial, "TrainingStartTime", "TrainingEndTime") - scripts[trial["TrainingJobName"]]
        for trial in trials
    ]


def _seconds(document: Document, start: str, end: str) -> float:
    return float((document[end] - document[start]).total_seconds())


def _read_times(path: Path) -> dict[str, float]:
    """Seconds from a script's first line to its last, by the name of its job."""
    words = [line.split() for line in path.read_text().splitlines()]
    return {name: float(last) - float(first) for name, first, last in words}


def _write_code(store: Store) -> None:
    folder = store.path(f"{_BUCKET}/code/files")
    folder.mkdir(parents=True)
    (folder / "job.py").write_text(_SCRIPT)
    with tarfile.open(store.path(f"{_BUCKET}/code/sourcedir.tar.gz"), "w:gz") as archive:
        info = tarfile.TarInfo("job.py")
        info.size = len(_SCRIPT)
        archive.addfile(info, io.BytesIO(_SCRIPT.encode()))


def _definition(times: Path, steps: int, trials: int) -> dict[str, Any]:
    chain: list[dict[str, Any]] = []
    for number in range(steps):
        step = _processing(f"Step{number}", times)
        chain.append(step | ({"DependsOn": [f"Step{number - 1}"]} if number else {}))
    train = {"Name": "Train", "Type": "Training", "Arguments": _training(times, NAME="Train")}
    tune = {"Name": "Tune", "Type": "Tuning", "Arguments": _tuning(times, trials)}
    ordered = [*chain, train | {"DependsOn": [chain[-1]["Name"]]}, tune | {"DependsOn": ["Train"]}]
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": ordered}


def _processing(name: str, times: Path) -> dict[str, Any]:
    place = "/opt/ml/processing/input/code"
    source = {"S3Uri": f"{_BUCKET}/code/files", "LocalPath": place, "S3DataType": "S3Prefix"}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {
            "ImageUri": "image:1",
            "ContainerEntrypoint": ["python3", f"{place}/job.py"],
        },
        "RoleArn": _ROLE,
        "ProcessingInputs": [
            {
                "InputName": "code",
                "AppManaged": False,
                "S3Input": source | {"S3InputMode": "File"},
            }
        ],
        "Environment": {"TIMES": str(times), "NAME": name},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def _training(times: Path, **environment: str) -> dict[str, Any]:
    metrics = [{"Name": "score", "Regex": "score=([0-9.]+)"}]
    return {
        "AlgorithmSpecification": {
            "TrainingImage": "image:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": metrics,
        },
        "RoleArn": _ROLE,
        "OutputDataConfig": {"S3OutputPath": f"{_BUCKET}/runs"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "Environment": {"TIMES": str(times), **environment},
        "HyperParameters": {
            "sagemaker_program": "job.py",
            "sagemaker_submit_directory": f"{_BUCKET}/code/sourcedir.tar.gz",
        },
    }


def _tuning(times: Path, trials: int) -> dict[str, Any]:
    training = _training(times)
    static = training.pop("HyperParameters")
    lr = {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "RandomSeed": 0,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": trials,
                "MaxParallelTrainingJobs": PARALLEL,
            },
            "ParameterRanges": {"ContinuousParameterRanges": [lr]},
        },
        "TrainingJobDefinition": {"StaticHyperParameters": static, **training},
    }


def table(result: dict[str, Any]) -> str:
    """Format the runner's own seconds as the table that is printed."""
    rows = [
        (what, str(len(values)), *(f"{value:.3f}" for value in (median(values), max(values))))
        for what, values in (("step", result["step_seconds"]), ("trial", result["trial_seconds"]))
    ]
    return text_table(("the runner's own time", "number", "median s", "largest s"), rows)
