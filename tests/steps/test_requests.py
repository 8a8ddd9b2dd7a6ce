"""Every step's arguments are what the Create* call of SageMaker's own API takes."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.steps.test_protection import PROTECTED

pytestmark = pytest.mark.xdist_group("sdk")

OPERATIONS = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
    "Tuning": ("CreateHyperParameterTuningJob", "HyperParameterTuningJobName"),
    "RegisterModel": ("CreateModelPackage", "ModelPackageName"),
}
VARIANTS = [
    (),
    ("training.fine_tune_blocks=1", "backbone.weights=imagenet"),
    ("debugger.mode=off", "aws.tags={team: vision}"),
    ("tuning.strategy=Grid", "tuning.ranges.lr=null", "tuning.ranges.weight_decay=null"),
    PROTECTED,
    ("tuning.settings_per_trial=3", "tuning.strategy=Random"),
    ("tuning.strategy=Hyperband", "tuning.early_stopping=false", "tuning.objective='valid:loss'"),
]


@pytest.fixture(scope="module")
def service_model():
    return botocore.session.Session().get_service_model("sagemaker")


def all_steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in steps:
        yield one
        if one["Type"] == "Condition":
            yield from all_steps(one["Arguments"]["IfSteps"])


def resolved(value: Any, defaults: dict[str, Any]) -> Any:
    """The arguments of a run, with plausible values for what only a run knows."""
    if isinstance(value, list):
        return [resolved(one, defaults) for one in value]
    if not isinstance(value, dict):
        return value
    if "Get" in value:
        name = value["Get"].removeprefix("Parameters.")
        return defaults.get(name, "s3://bucket/key")
    if "Std:Join" in value:
        join = value["Std:Join"]
        return join["On"].join(str(resolved(one, defaults)) for one in join["Values"])
    if "Std:JsonGet" in value:
        return "0.5"
    return {key: resolved(one, defaults) for key, one in value.items()}


@pytest.mark.parametrize("overrides", VARIANTS, ids=lambda o: o[0][:40] if o else "as it is")
def test_sagemaker_takes_the_arguments(compiled, service_model, overrides):
    definition = compiled(*overrides)
    defaults = {one["Name"]: one["DefaultValue"] for one in definition["Parameters"]}
    steps = [one for one in all_steps(definition["Steps"]) if one["Type"] in OPERATIONS]

    for one in steps:
        operation, name = OPERATIONS[one["Type"]]
        request = {name: "job", **resolved(one["Arguments"], defaults)}
        shape = service_model.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), f"{one['Name']}: {report.generate_report()}"

    assert len(steps) == 6
