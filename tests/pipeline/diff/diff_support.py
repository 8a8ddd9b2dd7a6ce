"""A small definition, and what a diff says of two."""

from typing import Any

from pipeline.diff.steps import diff_definitions, diff_text

Definition = dict[str, Any]
CACHED = {"Enabled": True, "ExpireAfter": "P30D"}


def get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def output(step: str, name: str) -> dict[str, Any]:
    """An output in a folder of the execution's own."""
    values = ["s3://bucket/runs", get("Execution.PipelineExecutionId"), step, name]
    uri = {"Std:Join": {"On": "/", "Values": values}}
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": f"/opt/{name}"}}


def source(name: str, uri: Any) -> dict[str, Any]:
    return {"InputName": name, "S3Input": {"S3Uri": uri}}


def processing(name: str, inputs: list[Any], outputs: list[Any], *arguments: str) -> Definition:
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge"}},
            "AppSpecification": {"ImageUri": "image:1", "ContainerArguments": list(arguments)},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": outputs},
            "Tags": [{"Key": "project", "Value": "dogs"}],
        },
        "CacheConfig": CACHED,
        "RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2}],
    }


def uri(step: str, name: str) -> dict[str, str]:
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def old_definition() -> Definition:
    """Prepare -> Tune -> Train -> Gate, which registers."""
    prepare = processing(
        "Prepare",
        [source("code", "s3://bucket/code/a"), source("data", get("Parameters.DataUri"))],
        [output("Prepare", "dataset")],
        *("--resize", "256", "--seed", "0"),
    )
    tune = {
        "Name": "Tune",
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "ResourceLimits": {"MaxNumberOfTrainingJobs": get("Parameters.Trials")},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1"}]
                },
            },
            "TrainingJobDefinition": {
                "InputDataConfig": [
                    {"ChannelName": "data", "DataSource": uri("Prepare", "dataset")}
                ]
            },
        },
        "CacheConfig": CACHED,
    }
    best = get("Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']")
    train = {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {"HyperParameters": {"lr": best, "epochs": "3"}},
        "CacheConfig": CACHED,
    }
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "dogs"},
    }
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "GreaterThan", "LeftValue": 1, "RightValue": 0.5}],
            "IfSteps": [register],
            "ElseSteps": [],
        },
    }
    parameters = [
        {"Name": "DataUri", "Type": "String", "DefaultValue": "s3://bucket/data"},
        {"Name": "Trials", "Type": "Integer", "DefaultValue": 6},
    ]
    steps = [prepare, tune, train, gate]
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters, "Steps": steps}


def step(definition: Definition, name: str) -> Any:
    return next(one for one in definition["Steps"] if one["Name"] == name)


def outcomes(old: Definition, new: Definition) -> dict[str, str]:
    return {effect.step: effect.outcome for effect in diff_definitions(old, new).cache}


def reasons(old: Definition, new: Definition, name: str) -> tuple[str, ...]:
    effects = diff_definitions(old, new).cache
    return next(effect.reasons for effect in effects if effect.step == name)


def lines(old: Definition, new: Definition) -> list[str]:
    """The changes alone, without what they mean for the cache."""
    text = diff_text(diff_definitions(old, new))
    return [line.strip() for line in text.split("cache:", maxsplit=1)[0].splitlines()]
