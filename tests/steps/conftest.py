"""Compiled definitions, and their steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

ROOT = Path(__file__).parents[2]
Definition = dict[str, Any]

# What the tests rely on, whatever pipeline.yaml says today.
FIXED = (
    "project=dog-breeds",
    "aws={region: us-east-1, account_id: '111122223333'}",
    "data={split: {train: 0.8, valid: 0.1, test: 0.1}, seed: 0}",
    "training.fine_tune_lr=0.0001",
    "tuning.strategy=Bayesian",
    "tuning.ranges.lr={type: continuous, min: 1e-4, max: 0.01, scaling: Logarithmic}",
    "tuning.ranges.weight_decay={type: continuous, min: 1e-5, max: 0.1, scaling: Logarithmic}",
    "tuning.ranges.batch_size={type: categorical, values: [32, 64]}",
    "tuning.ranges.optimizer={type: categorical, values: [SGD, AdamW]}",
    "tuning.max_jobs=6",
    "tuning.max_parallel_jobs=2",
    "debugger.mode=embedded",
    "gate={accuracy_threshold: 0.6, champion_tolerance: 0.02}",
    "deploy.instance_type=ml.m5.large",
    "deploy.instance_count=1",
    "deploy.endpoint_name=null",
    "instances.processing.type=ml.m5.xlarge",
    "instances.training.type=ml.m5.2xlarge",
    "registry={approval_status: PendingManualApproval}",
)


@pytest.fixture(scope="session")
def compiled(definition_of: Callable[[Settings], Definition]) -> Callable[..., Definition]:
    """`compiled("a.b=c", ...)`: the definition of the local environment with these overrides."""

    def compile_with(*overrides: str) -> Definition:
        settings = load_settings(ROOT / "pipeline.yaml", "local", [*FIXED, *overrides])
        return definition_of(settings)

    return compile_with


@pytest.fixture(scope="session")
def step(compiled: Callable[..., Definition]) -> Callable[..., Definition]:
    """`step("Train", "a.b=c")`: one step of such a definition, also from behind the gate."""

    def find(name: str, *overrides: str) -> Definition:
        steps = list(compiled(*overrides)["Steps"])
        for one in steps:
            branches = one["Arguments"] if one["Type"] == "Condition" else {}
            steps += branches.get("IfSteps", []) + branches.get("ElseSteps", [])
        return next(one for one in steps if one["Name"] == name)

    return find
