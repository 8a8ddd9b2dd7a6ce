"""Single mutations of our own definition.

A new one is a line in MUTATIONS, a limit one in LIMITS. A path begins with a step's name,
Parameters or nothing (the whole); elements of lists are named by their Name, ChannelName,
OutputName, ..., or by index.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

Definition = dict[str, Any]
Change = Callable[[Any, Any], None]


def put(path: str, value: Any, rule: str, step: str | None = None) -> Any:
    """Another value at a place."""

    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return _line("put", path, change, rule, step)


def drop(path: str, rule: str, step: str | None = None) -> Any:
    """Nothing at a place."""

    def change(parent: Any, key: Any) -> None:
        del parent[key]

    return _line("drop", path, change, rule, step)


def rename(path: str, name: str, rule: str, step: str | None = None) -> Any:
    """The same value under another key."""

    def change(parent: Any, key: Any) -> None:
        parent[name] = parent.pop(key)

    return _line("rename", path, change, rule, step)


def add(path: str, value: Any, rule: str, step: str | None = None) -> Any:
    """One more element in a list, or the first element once more (None)."""

    def change(parent: Any, key: Any) -> None:
        parent[key].append(copy.deepcopy(parent[key][0]) if value is None else value)

    return _line("add", path, change, rule, step)


def _line(kind: str, path: str, change: Change, rule: str, step: str | None) -> Any:
    first = path.split("/", maxsplit=1)[0]
    where = step if step is not None else "" if first in ("", "Parameters") else first
    return pytest.param(path, change, rule, where, id=f"{rule}: {kind} {path}")


def get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def metric(path: str) -> dict[str, Any]:
    """What Evaluate measured."""
    file = get("Steps.Evaluate.PropertyFiles.Evaluation")
    return {"Std:JsonGet": {"PropertyFile": file, "Path": path}}


def comparison(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


A = "Arguments"
BACKBONE = f"ExtractFeatures/{A}/AppSpecification/ContainerArguments/5"
CROP = f"ExtractFeatures/{A}/AppSpecification/ContainerArguments/9"
CLUSTER = f"Prepare/{A}/ProcessingResources/ClusterConfig"
TRIAL = f"Tune/{A}/TrainingJobDefinition"
SEARCH = f"Tune/{A}/HyperParameterTuningJobConfig"
RANGES = f"{SEARCH}/ParameterRanges/ContinuousParameterRanges"
CHOICES = f"{SEARCH}/ParameterRanges/CategoricalParameterRanges"
OBJECTIVE = f"{SEARCH}/HyperParameterTuningJobObjective"
METRICS = f"{TRIAL}/AlgorithmSpecification/MetricDefinitions"
HYPER = f"Train/{A}/HyperParameters"
HOOK = f"Train/{A}/DebugHookConfig"
RULE = f"Train/{A}/DebugRuleConfigurations/0"
CHANNEL = f"Train/{A}/InputDataConfig/features"
GATE = f"Gate/{A}/Conditions/0"
MODEL = f"Register/{A}/InferenceSpecification/Containers/0"
CARD = f"Register/{A}/ModelCard/ModelCardContent"
TUNED = "Steps.Tune.BestTrainingJob.TunedHyperParameters"
OUTPUTS = "Steps.Prepare.ProcessingOutputConfig.Outputs"

ACCURACY = metric("multiclass_classification_metrics.accuracy.value")

MUTATIONS = [
    # Fields: unknown, missing, of another type, out of what they may be
    rename(f"{CLUSTER}/InstanceCount", "InstanceCounts", "unknown-field"),
    rename(f"{CLUSTER}/VolumeSizeInGB", "VolumeSizeGB", "missing-field"),
    put(f"Train/{A}/MaxRuntimeInSeconds", 60, "unknown-field"),
    put("Evaluate/CacheConfig/ExpiresAfter", "P30D", "unknown-field"),
    put("Register/CacheConfig", {"Enabled": True}, "unknown-field"),
    put("/Stepz", [], "unknown-field"),
    drop(f"Prepare/{A}/AppSpecification", "missing-field"),
    drop(f"Train/{A}/AlgorithmSpecification", "missing-field"),
    drop(f"{CHANNEL}/DataSource/S3DataSource", "missing-field"),
    drop(f"{TRIAL}/HyperParameterTuningResourceConfig", "missing-field"),
    put(f"Register/{A}", {"ModelPackageGroupName": "dogs"}, "missing-field"),
    drop(f"{GATE}/RightValue", "missing-field"),
    drop(f"AccuracyTooLow/{A}/ErrorMessage", "missing-field"),
    drop("Deploy/FunctionArn", "missing-field"),
    drop("Prepare/Name", "missing-field", step=""),
    drop("Prepare/Type", "missing-field"),
    drop("/Version", "missing-field"),
    drop("Parameters/DataUri/Type", "missing-field"),
    put(f"{CLUSTER}/InstanceCount", "1", "wrong-type"),
    put(f"{CLUSTER}/VolumeSizeInGB", True, "wrong-type"),
    put(f"{HYPER}/epochs", 20, "wrong-type"),
    put(f"Prepare/{A}/AppSpecification/ContainerArguments/5", None, "wrong-type"),
    put(f"Prepare/{A}/Environment", [], "wrong-type"),
    put("Prepare/CacheConfig/Enabled", "true", "wrong-type"),
    put("Prepare/DependsOn", "Train", "wrong-type"),
    put(f"{GATE}/RightValue", [0.8], "wrong-type"),
    put("/Steps/0", "Prepare", "wrong-type"),
    put(f"{CLUSTER}/InstanceType", "ml.m5.hugest", "not-in-enum"),
    put(f"{TRIAL}/HyperParameterTuningResourceConfig/InstanceType", "m5.xlarge", "not-in-enum"),
    put(f"Register/{A}/ModelApprovalStatus", "Pending", "not-in-enum"),
    put(f"{GATE}/Type", "GreaterOrEqual", "not-in-enum", step="Gate"),
    put("Prepare/Type", "Procesing", "not-in-enum"),
    put("Deploy/OutputParameters/0/OutputType", "Text", "not-in-enum"),
    put("Train/RetryPolicies/0/ExceptionType/0", "Step.TIMEOUT", "not-in-enum"),
    put("Parameters/DataUri/Type", "Text", "not-in-enum"),
    put("/Version", "2021-12-01", "not-in-enum"),
    put(f"Train/{A}/RoleArn", "dog-breeds-execution", "pattern"),
    put(f"{CHANNEL}/ChannelName", "features channel", "pattern"),
    put(f"Prepare/{A}/ProcessingInputs/data/S3Input/S3Uri", "/data", "pattern"),
    put(
        f"Prepare/{A}/ProcessingOutputConfig/Outputs/test/S3Output/S3Uri",
        join("bucket", get("Execution.PipelineExecutionId"), on="/"),
        "pattern",
    ),
    put("Prepare/Name", "Prepare data", "pattern", step="Prepare data"),
    put("Prepare/CacheConfig/ExpireAfter", "30 days", "pattern"),
    put("Deploy/FunctionArn", "dog-breeds-deploy-endpoint", "pattern"),
    put("Prepare/PropertyFiles/0/FilePath", "/dataset.json", "pattern"),
    # References
    put(f"{CHANNEL}/DataSource/S3DataSource/S3Uri", get("Steps.Features.X"), "unknown-step"),
    put("Evaluate/DependsOn", ["Trian"], "unknown-step"),
    put(
        f"Evaluate/{A}/ProcessingInputs/model/S3Input/S3Uri",
        get("Steps.Train.ModelArtifact.S3ModelArtifacts"),
        "unknown-property",
    ),
    put(
        f"Evaluate/{A}/ProcessingInputs/test/S3Input/S3Uri",
        get(f"{OUTPUTS}['tests'].S3Output.S3Uri"),
        "unknown-property",
    ),
    put(
        f"Evaluate/{A}/ProcessingInputs/test/S3Input/S3Uri",
        get(f"{OUTPUTS}[2].S3Output.S3Uri"),
        "unknown-property",
    ),
    put(f"{HYPER}/lr", join(get(f"{TUNED}['learning_rate']")), "unknown-property"),
    put(f"Deploy/{A}/model_package_arn", get("Steps.Register.ModelPackageArm"), "unknown-property"),
    put(f"Deploy/{A}/endpoint_name", get("Steps.Deploy.EndpointName"), "unknown-property"),
    put(f"{HYPER}/seed", get("Steps.Train.HyperParameters['sed']"), "unknown-property"),
    put(f"{GATE}/RightValue", get("Parameters.AccuracyTreshold"), "unknown-parameter"),
    drop("Parameters/EndpointName", "unknown-parameter", step="Deploy"),
    put(
        f"Train/{A}/OutputDataConfig/S3OutputPath",
        join("s3://bucket", get("Execution.PipelineExecutionID"), on="/"),
        "unknown-variable",
    ),
    put(
        f"{GATE}/LeftValue/Std:JsonGet/PropertyFile",
        get("Steps.Evaluate.PropertyFiles.Evaluations"),
        "unknown-property-file",
    ),
    drop("Evaluate/PropertyFiles", "unknown-property-file", step="Gate"),
    put(f"{HYPER}/lr", get("Steps.Tune.BestTrainingJob"), "reference-type"),
    put(f"{CLUSTER}/InstanceCount", get("Parameters.ProcessingInstanceType"), "reference-type"),
    put(f"{HYPER}/seed", get("Parameters.TuningMaxJobs"), "reference-type"),
    put(f"{CLUSTER}/InstanceCount", get("Execution.PipelineExecutionId"), "reference-type"),
    put("Parameters/TuningMaxJobs/Type", "String", "reference-type", step="Tune"),
    put(f"{HYPER}/seed", get("Parameter.GitCommit"), "bad-function"),
    put(f"{HYPER}/seed", get("Steps..Seed"), "bad-function"),
    rename(f"{GATE}/LeftValue/Std:JsonGet", "Std:JsonGets", "bad-function"),
    rename(f"Train/{A}/OutputDataConfig/S3OutputPath/Std:Join/Values", "Value", "bad-function"),
    put(f"{GATE}/LeftValue/Std:JsonGet/Path", "accuracy..value", "bad-function"),
    put(f"{HYPER}/seed", get("Steps.Prepare.PropertyFiles.Dataset"), "bad-function"),
    put(f"{GATE}/LeftValue/Std:JsonGet/S3Uri", "s3://bucket/metrics.json", "bad-function"),
    put(f"Train/{A}/OutputDataConfig/S3OutputPath/Std:Join/Values/0", None, "bad-function"),
    put(f"Prepare/{A}/Environment", get("Parameters.GitCommit"), "wrong-type"),
    # Parameters
    put("Parameters/TrainingInstanceType/DefaultValue", "ml.m5.hugest", "parameter-default"),
    put("Parameters/EndpointInstanceType/DefaultValue", "m5.large", "parameter-default"),
    put("Parameters/DataUri/DefaultValue", "/home/me/pictures", "parameter-default"),
    put("Parameters/TuningMaxJobs/DefaultValue", 0, "parameter-default"),
    put("Parameters/TuningMaxJobs/DefaultValue", "6", "parameter-value"),
    put("Parameters/ModelApprovalStatus/DefaultValue", "Approve", "parameter-value"),
    put("Parameters/ModelApprovalStatus/EnumValues/1", "Aproved", "parameter-default"),
    add("/Parameters", {"Name": "Unused", "Type": "String"}, "unused-parameter"),
    # Names
    add("/Parameters", None, "duplicate-name"),
    add(f"Prepare/{A}/ProcessingInputs", None, "duplicate-name"),
    add(METRICS, None, "duplicate-name"),
    add(RANGES, None, "duplicate-name"),
    put("Tune/Name", "Train", "duplicate-name", step="Train"),
    put("Deploy/Name", "Train", "duplicate-name", step="Train"),
    put(f"{TRIAL}/StaticHyperParameters/lr", "0.1", "hyperparameter-twice"),
    put(
        f"{SEARCH}/ParameterRanges/IntegerParameterRanges",
        [{"Name": "lr", "MinValue": "1", "MaxValue": "2"}],
        "hyperparameter-twice",
    ),
    put(f"{TRIAL}/StaticHyperParameters/optimizer", "A W", "hyperparameter-shell"),
    put(f"{HYPER}/debug_rules", join("Overfit", "DeadRelu", on=" "), "hyperparameter-shell"),
    put(f"{CHOICES}/0/Values", ["32", "6 4"], "hyperparameter-shell"),
    # Metrics and the search
    put(f"{OBJECTIVE}/MetricName", "valid:acuracy", "objective-metric"),
    drop(f"{METRICS}/best:valid_accuracy", "objective-metric"),
    drop(OBJECTIVE, "objective-metric"),
    put(f"{OBJECTIVE}/Type", "Minimize", "objective-direction"),
    put(f"{METRICS}/valid:loss/Regex", " val_loss=([0-9.]+)", "metric-regex"),
    put(f"{METRICS}/valid:loss/Regex", " valid_loss=[0-9.]+", "metric-regex"),
    put(f"{METRICS}/valid:loss/Regex", " valid_loss=([0-9.]+", "metric-regex"),
    put(f"{METRICS}/valid:loss/Regex", " valid_(loss)=([0-9.]+)", "metric-regex"),
    put(f"{METRICS}/valid:loss/Regex", "valid_loss=([0-9.]+)", "metric-mixed-up"),
    put(f"{RANGES}/lr/MinValue", "0", "range"),
    put(f"{RANGES}/lr/MaxValue", "ten", "range"),
    put(f"{RANGES}/lr/MaxValue", "inf", "range"),
    put(
        f"{SEARCH}/ParameterRanges/IntegerParameterRanges",
        [{"Name": "seed", "MinValue": "1.5", "MaxValue": "3"}],
        "range",
    ),
    put(f"{CHOICES}/0/Values", ["32", "32"], "range"),
    put(f"{CHOICES}/optimizer/Values", ["LBFGS"], "range-without-effect"),
    put(f"{SEARCH}/Strategy", "Grid", "strategy"),
    put(f"{SEARCH}/Strategy", "Hyperband", "strategy"),
    put(f"{SEARCH}/ParameterRanges", {}, "strategy"),
    put(f"{HYPER}/lr", "0.001", "tuned-value-unused"),
    put(f"{HYPER}/lr", get("Steps.Prepare.ProcessingJobName"), "tuned-value-unused"),
    # Order
    put("Prepare/DependsOn", ["Evaluate"], "cycle"),
    put("Train/DependsOn", ["Train"], "cycle"),
    put("Train/DependsOn", ["Register"], "unreachable"),
    put("Deploy/DependsOn", ["AccuracyTooLow"], "unreachable"),
    put(f"Gate/{A}/IfSteps", [], "unused-parameter", step=""),
    # The gate
    put(f"{GATE}/Type", "LessThan", "gate-inverted", step="Gate"),
    rename(f"Gate/{A}/IfSteps", "ElseSteps", "gate-inverted", step="Gate"),
    put(GATE, comparison("GreaterThan", 0.6, ACCURACY), "gate-inverted", step="Gate"),
    put(GATE, comparison("LessThan", 60, ACCURACY), "threshold", step="Gate"),
    put(GATE, comparison("LessThan", 60, metric("binary.AUC.value")), "threshold", step="Gate"),
    put(
        f"{GATE}/LeftValue/Std:JsonGet/Path",
        "multiclass_classification_metrics.expected_calibration_error.bins",
        "json-path",
    ),
    put(f"{GATE}/LeftValue", 0.9, "blind-gate", step="Gate"),
    put(
        f"Gate/{A}/Conditions",
        [comparison("Equals", get("Parameters.ModelApprovalStatus"), "Approved")],
        "blind-gate",
    ),
    put(f"Gate/{A}/Conditions/1/Type", "GreaterThan", "gate-inverted", step="Gate"),
    put(f"Gate/{A}/Conditions/1/LeftValue/Std:JsonGet/Path", "champion.shortfal", "json-path"),
    drop(f"FindChampion/{A}/no_champion_uri", "lambda-event"),
    put(
        f"Evaluate/{A}/ProcessingInputs/champion/S3Input/S3Uri",
        get("Steps.FindChampion.OutputParameters['model_uri']"),
        "unknown-property",
    ),
    put(f"{GATE}/RightValue", 80, "threshold", step="Gate"),
    put("Parameters/AccuracyThreshold/DefaultValue", 60.0, "threshold", step="Gate"),
    put(f"{GATE}/LeftValue/Std:JsonGet/Path", "multiclass_classification_metrics", "json-path"),
    put(
        f"{MODEL}/ModelDataUrl",
        get("Steps.Other.ModelArtifacts.S3ModelArtifacts"),
        "unknown-step",
    ),
    # Jobs
    put("Prepare/PropertyFiles/0/OutputName", "data", "property-file-output"),
    put(f"Prepare/{A}/ProcessingInputs/data/S3Input/LocalPath", "/data", "local-path"),
    put(
        f"Prepare/{A}/ProcessingInputs/data/S3Input/LocalPath",
        "/opt/ml/processing/input/code",
        "local-path",
    ),
    put(
        f"Prepare/{A}/AppSpecification/ContainerArguments/1",
        "/opt/ml/processing/input/dta",
        "path-argument",
    ),
    put(f"Prepare/{A}/AppSpecification/ContainerArguments/0", "--date", "script-option"),
    rename(f"{HYPER}/label_smoothing", "label_smooth", "script-option"),
    put(f"{HYPER}/epochs", "many", "script-option"),
    put(f"{HYPER}/epochs", '"many"', "script-option"),
    put(f"{CHOICES}/batch_size/Values/0", "x", "script-option"),
    put(f"{TRIAL}/StaticHyperParameters/export", "perhaps", "script-option"),
    drop(f"ExtractFeatures/{A}/AppSpecification/ContainerArguments", "script-option"),
    put(BACKBONE, "resnet51", "backbone"),
    put(CROP, "0", "backbone"),
    drop(f"Prepare/{A}/AppSpecification/ContainerArguments/2", "script-option"),
    put(f"Prepare/{A}/AppSpecification/ContainerEntrypoint/2", "prepared.py", "script-name"),
    drop(f"{HYPER}/sagemaker_submit_directory", "script-name"),
    put(f"{CHANNEL}/ChannelName", "feature", "script-channel"),
    drop(f"{TRIAL}/InputDataConfig", "script-channel"),
    put("Evaluate/PropertyFiles/0/FilePath", "metrics.json", "script-file"),
    put(
        f"Prepare/{A}/ProcessingOutputConfig/Outputs/test/S3Output/S3Uri", "s3://b/x", "output-path"
    ),
    drop(
        f"Prepare/{A}/ProcessingOutputConfig/Outputs/dataset/S3Output/S3Uri/Std:Join/Values/3",
        "output-path",
    ),
    put(
        f"{CHANNEL}/DataSource/S3DataSource/S3Uri",
        get(f"{OUTPUTS}['test'].S3Output.S3Uri"),
        "test-split-in-training",
    ),
    put(f"Train/{A}/EnableManagedSpotTraining", True, "spot-wait"),
    put(f"Train/{A}/EnableManagedSpotTraining", True, "spot-checkpoints"),
    put(f"{TRIAL}/EnableManagedSpotTraining", True, "spot-checkpoints"),
    put("Parameters/TrainingInstanceType/DefaultValue", "ml.g5.xlarge", "cpu-image", "Train"),
    put(f"{HYPER}/seed", get("Execution.PipelineExecutionId"), "cache-never-hit"),
    drop(HOOK, "debugger"),
    put(f"{RULE}/RuleParameters/rule_to_invoke", "Overfitt", "debugger"),
    put(f"{HOOK}/CollectionConfigurations/losses/CollectionName", "loses", "debugger"),
    drop(f"{RULE}/RuleParameters", "debugger"),
    # Deploying
    put(f"Deploy/{A}/role_arn", "dog-breeds", "lambda-argument"),
    put(f"Deploy/{A}/endpoint_name", "dog_breeds", "lambda-argument"),
    put(f"Deploy/{A}/model_package_arn", get("Steps.Train.TrainingJobArn"), "lambda-argument"),
    drop(f"Deploy/{A}/max_concurrency", "lambda-event"),
    put(f"Deploy/{A}/memory_size_mb", 7168, "lambda-argument"),
    put("Deploy/OutputParameters/0/OutputName", "endpoint", "lambda-event"),
    put(f"Deploy/{A}/deployment_config", {"BlueGreenUpdatePolicy": {}}, "no-rollback"),
    # The model card
    put(CARD, '{"model_overview": {"model_name": "dogs"}}', "model-card"),
    put(CARD, "dogs", "model-card"),
    put(f"{CARD}/Std:Join/Values/0", "{", "model-card"),
    put(f"{CARD}/Std:Join/Values/2", '"]},"intended_uses":{"risk_rating":"', "model-card"),
    # The account
    put(f"Prepare/{A}/AppSpecification/ImageUri",
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312", "region"),
    put(f"{HYPER}/sagemaker_region", "us-west-2", "region"),
    put(f"Train/{A}/RoleArn", "arn:aws:iam::999999999999:role/x", "account"),
    put(f"Prepare/{A}/Environment/DB_PASSWORD", "hunter2", "secret"),
    put(f"Train/{A}/Environment", {"KEY": "AKIA" + "A" * 16}, "secret"),
    put(f"Deploy/{A}/api_key", "0123456789", "secret"),
    put(f"{TRIAL}/StaticHyperParameters/api_key", "0123456789", "secret"),
    put(f"Prepare/{A}/AppSpecification/ContainerArguments", ["--api_key", "0123"], "secret"),
    put(f"Prepare/{A}/Environment/FROM", "ghp_" + "a" * 36, "secret"),
    put("Deploy/FunctionArn", "arn:aws:lambda:us-east-1:999999999999:function:x", "account"),
    put("Train/RetryPolicies/0/ExpireAfterMin", 60, "retry"),
    add("Train/RetryPolicies", None, "retry"),
    put("Train/RetryPolicies/0/ExceptionType/0", "Step.THROTTLING", "retry"),
]  # fmt: skip

FOLDERS = {"data": "input/data", "dataset": "output/dataset", "test": "output/test"}
INLINE = [f"--{name}=/opt/ml/processing/{place}" for name, place in FOLDERS.items()]
RUN, WAIT = {"MaxRuntimeInSeconds": 60}, "MaxWaitTimeInSeconds"
ON_SPOT, RESOURCES = {"EnableManagedSpotTraining": True}, "ResourceConfig"
WARM = {"KeepAlivePeriodInSeconds": 60}
TAGS = [{"Key": str(n), "Value": ""} for n in range(51)]
ENTRY, MINE = f"{HOOK}/CollectionConfigurations/losses", {"CollectionName": "mine"}
NAMED = {**MINE, "CollectionParameters": {"tensor_names": "loss"}}
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:key"
RULES = [{"RuleConfigurationName": str(n), "RuleEvaluatorImage": "own:1"} for n in range(21)]
FAIL = {"Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
STEPS = [{"Name": f"S{n}", **FAIL} for n in range(51)]
TOLD = {f"p{n}": "1" for n in range(101)}
PARAMETERS = [{"Name": f"P{n}", "Type": "String"} for n in range(201)]
SCALED = {"Name": "lr", "MinValue": "0", "ScalingType": "ReverseLogarithmic"}

# (path, the last value that is right, the first that is not, the rule that says so)
LIMITS = [
    (f"{GATE}/RightValue", 0, -0.001, "threshold"),
    (f"{GATE}/RightValue", 1, 1.001, "threshold"),
    (f"{HYPER}/fine_tune_blocks", "9", "10", "fine-tune-blocks"),
    (f"{HYPER}/epochs", "1", "0", "script-option"),
    (f"{HYPER}/label_smoothing", "0.999", "1", "script-option"),
    (f"{HYPER}/fine_tune_lr", "1e-9", "0", "script-option"),
    (f"{RANGES}/weight_decay/MaxValue", "20", "nan", "script-option"),
    (f"{CHOICES}/batch_size/Values/0", "1", "0", "script-option"),
    (f"{CLUSTER}/InstanceCount", 1, 0, "out-of-range"),
    (f"{CLUSTER}/InstanceCount", 100, 101, "out-of-range"),
    (f"Prepare/{A}/StoppingCondition/MaxRuntimeInSeconds", 777_600, 777_601, "out-of-range"),
    ("Train/RetryPolicies/0/MaxAttempts", 1, 0, "out-of-range"),
    ("Train/RetryPolicies/0/MaxAttempts", 20, 21, "out-of-range"),
    ("Train/RetryPolicies/0/BackoffRate", 1.0, 0.999, "out-of-range"),
    (f"Prepare/{A}/AppSpecification/ContainerEntrypoint", ["a"], [], "length"),
    (f"Prepare/{A}/AppSpecification/ContainerArguments/5", "x" * 256, "x" * 257, "length"),
    (f"{HYPER}/optimizer", "x" * 2500, "x" * 2501, "length"),
    (HYPER, dict(list(TOLD.items())[:100]), TOLD, "length"),
    (f"Train/{A}/Tags", TAGS[:50], TAGS, "length"),
    (f"Train/{A}/DebugRuleConfigurations", RULES[:20], RULES, "length"),
    ("/Parameters", PARAMETERS[:200], PARAMETERS, "length"),
    ("/Steps", STEPS[:50], STEPS, "size"),
    (ENTRY, NAMED, MINE, "debugger"),
    (
        f"{SEARCH}/TuningJobCompletionCriteria",
        {"TargetObjectiveMetricValue": get("Parameters.TuningMaxJobs")},
        {"TargetObjectiveMetricValue": get("Parameters.DataUri")},
        "reference-type",
    ),
    (RULE, RULES[0], {**RULES[0], "RuleEvaluatorImage": "sagemaker-debugger-rules:1"}, "debugger"),
    (f"Prepare/{A}/Environment/API_KEY", SECRET, "0123456789", "secret"),
    ("/Version", 2**1000 - 1, 2**1000, "size"),
    ("/Metadata/deep", nested(198), nested(199), "size"),
    (f"{RANGES}/lr/MinValue", "0.0099", "0.01", "range"),
    (f"{RANGES}/lr", {**SCALED, "MaxValue": "0.99"}, {**SCALED, "MaxValue": "1"}, "range"),
    ("Parameters/TuningMaxParallelJobs/DefaultValue", 6, 7, "parallel-trials"),
    (f"Train/{A}/StoppingCondition", {**RUN, WAIT: 60}, {**RUN, WAIT: 59}, "spot-wait"),
    (f"Train/{A}", {**ON_SPOT, RESOURCES: {}}, {**ON_SPOT, RESOURCES: WARM}, "spot-warm-pool"),
    (f"Train/{A}", {RESOURCES: WARM}, {**ON_SPOT, RESOURCES: WARM}, "spot-warm-pool"),
    (
        f"Train/{A}",
        {**ON_SPOT, "CheckpointConfig": {"S3Uri": "s3://b/c/"}},
        ON_SPOT,
        "spot-checkpoints",
    ),
    (
        f"Prepare/{A}/AppSpecification/ContainerArguments",
        INLINE,
        [*INLINE, "stray"],
        "script-option",
    ),
    (f"Deploy/{A}/max_concurrency", 1, 0, "lambda-argument"),
    (f"Deploy/{A}/wait_minutes", 10, 10.1, "lambda-wait"),
    (f"Deploy/{A}/timeout", 600, 601, "lambda-wait"),
]
