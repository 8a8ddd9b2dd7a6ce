"""Make a complete local run as a user starts it, and return its times and answers."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.context import BenchmarkError, Context
from pipeline.command_line.running import ROOT
from pipeline.local.store import Document, Store

AFTER_FEATURES = ("Tune", "Train", "Evaluate")


@dataclass(frozen=True)
class CompletedRun:
    """A finished run: `seconds` is the command's wall time; `steps` are the steps' own, by name."""

    execution: str
    seconds: float
    steps: Mapping[str, float]
    trials: Sequence[float]
    accuracy: float
    evaluation: Path

    def of(self, names: Sequence[str]) -> float:
        """Return the seconds of these steps together."""
        return sum(self.steps[name] for name in names)

    def right(self) -> dict[str, bool]:
        """Return whether each test picture was answered rightly, by its path below test/."""
        lines = (self.evaluation / "predictions.jsonl").read_text().splitlines()
        answers = [json.loads(line) for line in lines]
        return {
            answer["file"].removeprefix("test/"): answer["prediction"] == answer["label"]
            for answer in answers
        }


def backbone_settings(context: Context, backbone: str) -> dict[str, Any]:
    """Return the settings that choose a backbone, with its weights where there are some."""
    weights = context.weights_of(backbone)
    return {"backbone.name": backbone, "backbone.weights": weights or "none"}


def run_pipeline(context: Context, settings: Mapping[str, Any], state: Path) -> CompletedRun:
    """Run `python -m pipeline.run --local` with `settings`; raises BenchmarkError if it failed."""
    argv = [sys.executable, "-m", "pipeline.run", "--local", "--json"]
    argv += ["--data", str(context.data), "--state", str(state)]
    argv += ["--parameter", "AccuracyThreshold=0"]  # of random weights, any accuracy will do
    for key, value in settings.items():
        argv += ["--set", f"{key}={value}"]
    start = time.perf_counter()
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if ended.returncode:
        end = (ended.stdout + ended.stderr)[-2000:]
        raise BenchmarkError(f"the local run failed (exit {ended.returncode}):\n{end}")
    outcome = json.loads(ended.stdout)
    return _read(Store(state), outcome, seconds)


def _read(store: Store, outcome: Mapping[str, Any], seconds: float) -> CompletedRun:
    execution = outcome["execution"]
    steps = {
        step["StepName"]: step
        for step in store.list("PipelineExecutionStep")
        if step["PipelineExecutionArn"].endswith(f"/{execution}") and "EndTime" in step
    }
    evaluate = store.get_by_arn(
        "ProcessingJob", steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"]
    )
    outputs = (evaluate or {})["ProcessingOutputConfig"]["Outputs"]
    tuning = steps["Tune"]["Metadata"]["TuningJob"]["Arn"]
    trials = [job for job in store.list("TrainingJob") if job.get("TuningJobArn") == tuning]
    return CompletedRun(
        execution=execution,
        seconds=seconds,
        steps={name: _seconds(step, "StartTime", "EndTime") for name, step in steps.items()},
        trials=[_seconds(job, "TrainingStartTime", "TrainingEndTime") for job in trials],
        accuracy=outcome["accuracy"],
        evaluation=store.path(outputs[0]["S3Output"]["S3Uri"]),
    )


def _seconds(document: Document, start: str, end: str) -> float:
    return float((document[end] - document[start]).total_seconds())
