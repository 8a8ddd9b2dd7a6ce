"""Definitions of other people: step types that ours has not, as the SDK compiles them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.check import check_definition, findings_text

Definition = dict[str, Any]
FILE = Path(__file__).parent / "data" / "other_steps.json"


@pytest.fixture
def other() -> Definition:
    """Transform, Model, AutoML, Callback, EMR, QualityCheck, built-in algorithms, conditions."""
    definition: Definition = json.loads(FILE.read_text())
    return definition


def step(definition: Definition, name: str) -> Any:
    return next(one for one in definition["Steps"] if one["Name"] == name)


def rules(definition: Definition) -> set[str]:
    return {finding.rule for finding in check_definition(definition)}


def test_nothing_is_found_in_a_right_one(other: Definition) -> None:
    findings = check_definition(other)
    assert not findings, findings_text(findings)


def transform(definition: Definition) -> None:
    step(definition, "Transform")["Arguments"]["TransformResources"]["InstanceType"] = "ml.x"


def model_without_container(definition: Definition) -> None:
    del step(definition, "Best-CreateModel")["Arguments"]["PrimaryContainer"]


def callback_output(definition: Definition) -> None:
    conditions = step(definition, "Cond")["Arguments"]["Conditions"]
    conditions[2]["Condition"]["LeftValue"] = {"Get": "Steps.CB.OutputParameters['z']"}


def lambda_property(definition: Definition) -> None:
    step(definition, "CB")["Arguments"]["a"] = {"Get": "Steps.L.FunctionArn"}


def lambda_output_type(definition: Definition) -> None:
    first = {"OutputName": "first", "OutputType": "Integer"}
    step(definition, "L")["OutputParameters"].insert(0, first)
    count = {"Get": "Steps.L.OutputParameters['x']"}
    step(definition, "Transform")["Arguments"]["TransformResources"]["InstanceCount"] = count


def condition_not(definition: Definition) -> None:
    conditions = step(definition, "Cond")["Arguments"]["Conditions"]
    conditions[2]["Expression"] = conditions[2].pop("Condition")


def condition_inside_or(definition: Definition) -> None:
    del step(definition, "Cond")["Arguments"]["Conditions"][1]["Conditions"][1]["RightValue"]


def queue(definition: Definition) -> None:
    del step(definition, "CB")["SqsQueueUrl"]


def whole_step(definition: Definition) -> None:
    step(definition, "Transform")["Arguments"]["ModelName"] = {"Get": "Steps.Best-CreateModel"}


def beyond_a_value(definition: Definition) -> None:
    deeper = {"Get": "Steps.Best-CreateModel.ModelName.First"}
    step(definition, "Transform")["Arguments"]["ModelName"] = deeper


def gate_the_wrong_way_round(definition: Definition) -> None:
    condition = step(definition, "Cond")["Arguments"]["Conditions"][0]
    condition["Type"] = "GreaterThan"


def gate_with_not(definition: Definition) -> None:
    arguments = step(definition, "Cond")["Arguments"]
    arguments["Conditions"] = [{"Type": "Not", "Condition": arguments["Conditions"][0]}]


def gate_with_or(definition: Definition) -> None:
    gate_the_wrong_way_round(definition)
    arguments = step(definition, "Cond")["Arguments"]
    arguments["Conditions"] = [{"Type": "Or", "Conditions": arguments["Conditions"][:1]}]


def objective_of_a_script(definition: Definition) -> None:
    job = step(definition, "Tune")["Arguments"]["TrainingJobDefinition"]
    job["StaticHyperParameters"]["sagemaker_program"] = "other.py"
    job["StaticHyperParameters"]["sagemaker_submit_directory"] = "s3://bucket/code.tar.gz"
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.12.1-cpu-amzn2023-sagemaker"
    job["AlgorithmSpecification"]["TrainingImage"] = image


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (transform, "not-in-enum"),
        (model_without_container, "missing-field"),
        (callback_output, "unknown-property"),
        (lambda_property, "unknown-property"),
        (lambda_output_type, "reference-type"),
        (condition_not, "missing-field"),
        (condition_inside_or, "missing-field"),
        (queue, "missing-field"),
        (whole_step, "unknown-property"),
        (beyond_a_value, "unknown-property"),
        (gate_the_wrong_way_round, "gate-inverted"),
        (gate_with_not, "gate-inverted"),
        (gate_with_or, "gate-inverted"),
        (objective_of_a_script, "objective-metric"),
    ],
)
def test_a_mutation_is_caught(
    other: Definition, change: Callable[[Definition], None], rule: str
) -> None:
    change(other)
    assert rule in rules(other)


def endpoint(**arguments: Any) -> Definition:
    """A definition that updates an endpoint by a step of its own."""
    config = {
        "Name": "Config",
        "Type": "EndpointConfig",
        "Arguments": {"ProductionVariants": [{"VariantName": "A", "ModelName": "m"}]},
    }
    name = {"Get": "Steps.Config.EndpointConfigName"}
    update = {
        "Name": "Update",
        "Type": "Endpoint",
        "Arguments": {"EndpointConfigName": name, **arguments},
    }
    return {"Version": "2020-12-01", "Steps": [config, update]}


ROLLBACK = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
BLUE_GREEN = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    }
}


def test_an_update_with_a_way_back_is_right() -> None:
    assert rules(endpoint(DeploymentConfig={**BLUE_GREEN, **ROLLBACK})) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"DeploymentConfig": BLUE_GREEN},
        {"DeploymentConfig": {**BLUE_GREEN, "AutoRollbackConfiguration": {"Alarms": []}}},
    ],
)
def test_an_update_with_no_way_back_is_found(arguments: Definition) -> None:
    assert "no-rollback" in rules(endpoint(**arguments))


def test_what_one_of_several_definitions_tunes_can_be_referred_to(other: Definition) -> None:
    arguments = step(other, "Tune")["Arguments"]
    config = arguments["HyperParameterTuningJobConfig"]
    own = {
        "DefinitionName": "one",
        "HyperParameterRanges": config.pop("ParameterRanges"),
        "TuningObjective": config.pop("HyperParameterTuningJobObjective"),
    }
    arguments["TrainingJobDefinitions"] = [arguments.pop("TrainingJobDefinition") | own]
    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['alpha']"}
    step(other, "CB")["Arguments"]["a"] = best
    assert rules(other) == set()


def test_a_script_that_is_not_ours_is_not_judged(other: Definition) -> None:
    told = step(other, "Eval")["Arguments"]["AppSpecification"]
    told["ContainerArguments"] = ["--anything", "goes", "stray"]
    assert rules(other) == set()
