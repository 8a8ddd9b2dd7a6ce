"""Other people's definitions: what is theirs is not judged by ours, what SageMaker takes warns."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.check import Finding, check_definition, findings_text
from pipeline.check.kinds import UNDESCRIBED

Definition = dict[str, Any]

ROLE = "arn:aws:iam::111122223333:role/theirs"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
CLUSTER = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
ARN = "arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/ours"


def get(path: str) -> Definition:
    return {"Get": path}


def processing(name: str, script: str = "preprocessing.py", **more: Any) -> Definition:
    """A processing step as the SDK writes it."""
    code = {
        "S3Uri": f"s3://bucket/{name}/code/0b1c/{script}",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    run = ["s3://bucket", get("Execution.PipelineExecutionId"), name]
    out = {
        "S3Uri": {"Std:Join": {"On": "/", "Values": run}},
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    }
    entry = ["python3", f"/opt/ml/processing/input/code/{script}"]
    arguments = {
        "ProcessingResources": {"ClusterConfig": {**CLUSTER}},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": entry},
        "RoleArn": ROLE,
        "ProcessingInputs": [{"InputName": "code", "AppManaged": False, "S3Input": code}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": out}]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}


def training(**changes: Any) -> Definition:
    """A training step of a framework estimator: its hyperparameters are JSON."""
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "ResourceConfig": CLUSTER,
        "RoleArn": ROLE,
        "HyperParameters": {
            "batch": '"32"',
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://bucket/code/sourcedir.tar.gz"',
            "sagemaker_region": '"us-east-1"',
        },
        **changes,
    }
    return {"Name": "Train", "Type": "Training", "Arguments": arguments}


def evaluated() -> Definition:
    """Training, then an evaluate.py of theirs whose report a condition reads."""
    file = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "evaluation.json"}
    evaluate = processing("Eval", "evaluate.py", PropertyFiles=[file], DependsOn=["Train"])
    metric = {"PropertyFile": get("Steps.Eval.PropertyFiles.Report"), "Path": "regression.mse"}
    low = {"Type": "LessThan", "LeftValue": {"Std:JsonGet": metric}, "RightValue": 6.0}
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "too far off"}}
    arguments = {"Conditions": [low], "IfSteps": [register()], "ElseSteps": [stop]}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": arguments}
    return pipeline(training(), evaluate, gate)


def register() -> Definition:
    url = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": url}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    arguments = {"ModelPackageGroupName": "theirs", "InferenceSpecification": specification}
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def pipeline(*steps: Definition, **more: Any) -> Definition:
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [*steps], **more}


def found(definition: Definition) -> list[tuple[str, str]]:
    """(Severity, rule) of each finding."""
    return [(one.severity, one.rule) for one in check_definition(definition)]


def nothing(definition: Definition) -> None:
    findings = check_definition(definition)
    assert not findings, findings_text(findings)


def test_scripts_named_like_ours_are_not_judged_by_ours() -> None:
    nothing(evaluated())
    definition = evaluated()
    del definition["Steps"][0]["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    nothing(definition)  # the program may lie in their image
    nothing(pipeline(processing("Prep", "prepared.py"), processing("Ev", "evaluation.py")))


def test_a_bundle_of_ours_is_judged_whoever_wrote_the_rest() -> None:
    step = processing("Judge", "evaluate.py")
    code = step["Arguments"]["ProcessingInputs"][0]["S3Input"]
    code["S3Uri"] = "s3://bucket/code/evaluate-0123456789abcdef/files"
    assert ("error", "script-option") in found(pipeline(step))
    code["S3Uri"] = "s3://bucket/code/other-0123456789abcdef/files"  # a script that they added
    nothing(pipeline(step))


def test_a_quoted_hyperparameter_is_read_without_its_quotes() -> None:
    definition = evaluated()
    told = definition["Steps"][0]["Arguments"]["HyperParameters"]
    told["sagemaker_region"] = '"eu-west-1"'
    assert found(definition) == [("warning", "region")]
    told["sagemaker_region"] = '"broken\\"'
    assert found(definition) == [("warning", "region")]


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("api_token", '"abc"', True),
        ("api_token", '"arn:aws:secretsmanager:us-east-1:111122223333:secret:x"', False),
        ("eos_token", '"</s>"', False),
        ("pad-token", '"0"', False),
    ],
)
def test_a_quoted_secret_is_one_and_a_word_of_a_vocabulary_none(
    name: str, value: str, secret: bool
) -> None:
    definition = evaluated()
    definition["Steps"][0]["Arguments"]["HyperParameters"][name] = value
    assert found(definition) == ([("warning", "secret")] if secret else [])


def test_a_shell_is_feared_in_the_images_that_ask_for_one() -> None:
    definition = evaluated()
    train = definition["Steps"][0]["Arguments"]
    train["HyperParameters"]["words"] = "two words"
    nothing(definition)  # scikit-learn's container starts a script without a shell
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-gpu-py312"
    train["AlgorithmSpecification"]["TrainingImage"] = image
    assert found(definition) == [("warning", "hyperparameter-shell")]


def test_their_functions_take_what_they_like() -> None:
    step = {
        "Name": "Deploy",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:their-deploy-endpoint",
        "Arguments": {"instance_type": "m5.large", "role_arn": "theirs"},
        "OutputParameters": [{"OutputName": "url", "OutputType": "String"}],
    }
    nothing(pipeline(step))


def inverted(definition: Definition) -> None:
    definition["Steps"][2]["Arguments"]["Conditions"][0]["Type"] = "GreaterThan"


def fixed_output(definition: Definition) -> None:
    outputs = definition["Steps"][1]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    outputs[0]["S3Output"]["S3Uri"] = "s3://bucket/always"


def other_account(definition: Definition) -> None:
    definition["Steps"][0]["Arguments"]["RoleArn"] = "arn:aws:iam::999999999999:role/another"


def collections(definition: Definition) -> None:
    """As the SDK writes them: those of a rule beside those of the hook."""
    hook = {
        "S3OutputPath": "s3://bucket/tensors",
        "CollectionConfigurations": [
            {"CollectionName": "losses"},
            {"CollectionName": "losses", "CollectionParameters": {"save_interval": "5"}},
        ],
    }
    definition["Steps"][0]["Arguments"]["DebugHookConfig"] = hook


def shared_folder(definition: Definition) -> None:
    inputs = definition["Steps"][1]["Arguments"]["ProcessingInputs"]
    inputs.append({**inputs[0], "InputName": "more"})


def nothing_given_yet(definition: Definition) -> None:
    definition["Parameters"].append({"Name": "Kind", "Type": "String", "DefaultValue": ""})
    cluster = definition["Steps"][1]["Arguments"]["ProcessingResources"]["ClusterConfig"]
    cluster["InstanceType"] = get("Parameters.Kind")


def folder_in_the_image(definition: Definition) -> None:
    told = definition["Steps"][1]["Arguments"]["AppSpecification"]
    told["ContainerArguments"] = ["--tmp", "/opt/ml/processing/scratch"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (inverted, "gate-inverted"),
        (fixed_output, "output-path"),
        (other_account, "account"),
        (collections, "duplicate-name"),
        (folder_in_the_image, "path-argument"),
        (shared_folder, "local-path"),
        (nothing_given_yet, "parameter-default"),
    ],
)
def test_what_sagemaker_takes_is_a_warning(change: Callable[..., None], rule: str) -> None:
    definition = evaluated()
    change(definition)
    assert set(found(definition)) == {("warning", rule)}


def test_conditions_may_stand_within_each_other_as_often_as_there_may_be_steps() -> None:
    step: Definition = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    for level in range(49):
        ask = {"Type": "NotEquals", "LeftValue": get("Parameters.Level"), "RightValue": level}
        arguments = {"Conditions": [ask], "IfSteps": [step], "ElseSteps": []}
        step = {"Name": f"Level{level}", "Type": "Condition", "Arguments": arguments}
    nothing(pipeline(step, Parameters=[{"Name": "Level", "Type": "Integer"}]))


@pytest.mark.parametrize(
    ("condition", "right"),
    [
        ({"Type": "In", "QueryValue": get("Parameters.Size"), "Values": ["S", "M"]}, True),
        ({"Type": "NotIn", "Value": get("Parameters.Size"), "In": ["S", "M"]}, True),
        ({"Type": "In", "QueryValue": get("Parameters.Size")}, False),
        ({"Type": "In", "Queries": get("Parameters.Size"), "Values": ["S"]}, False),
    ],
)
def test_a_list_of_values_may_be_asked_for(condition: Definition, right: bool) -> None:
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    arguments = {"Conditions": [condition], "IfSteps": [stop]}
    step = {"Name": "Which", "Type": "Condition", "Arguments": arguments}
    size = {"Name": "Size", "Type": "String"}
    definition = pipeline(training(), step, Parameters=[size])
    assert (not errors(definition)) == right


@pytest.mark.parametrize("run", ["latest", get("Execution.PipelineExecutionId")])
def test_a_condition_may_read_a_file_by_its_address(run: Any) -> None:
    report = {"Std:Join": {"On": "/", "Values": ["s3://bucket", run, "report.json"]}}
    metric = {"Std:JsonGet": {"S3Uri": report, "Path": "regression.mse"}}
    low = {"Type": "LessThan", "LeftValue": metric, "RightValue": 6.0}
    arguments = {"Conditions": [low], "IfSteps": [register()], "ElseSteps": []}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": arguments, "DependsOn": ["Train"]}
    nothing(pipeline(training(), gate))


def test_a_metric_may_have_groups_within_the_one_that_is_read() -> None:
    metric = {"Name": "loss", "Regex": r"loss: ([0-9]+(\.[0-9]+)?)"}
    steps = training()
    steps["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = [metric]
    nothing(pipeline(steps))
    metric["Regex"] = "loss: [0-9]+"
    assert found(pipeline(steps)) == [("warning", "metric-regex")]


@pytest.mark.filterwarnings("error")
def test_of_an_expression_that_is_none_of_pythons_nothing_is_said_beside_the_findings() -> None:
    steps = training()
    metric = {"Name": "loss", "Regex": "[[a-z] loss: ([0-9.]+)"}
    steps["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = [metric]
    nothing(pipeline(steps))


@pytest.mark.parametrize(
    "config",
    [
        None,
        {"MlflowResourceArn": ARN},
        {"MlflowResourceArn": ARN, "MlflowExperimentName": None},
        {"MlflowResourceArn": get("Parameters.Server"), "MlflowExperimentName": "dogs"},
    ],
)
def test_mlflow_may_be_configured_beside_the_steps(config: Any) -> None:
    used = isinstance(config, dict) and isinstance(config["MlflowResourceArn"], dict)
    parameters = [{"Name": "Server", "Type": "String"}] if used else []
    nothing(pipeline(training(), MlflowConfig=config, Parameters=parameters))


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"MlflowResourceArns": ARN}, "unknown-field"),
        ({"MlflowResourceArn": "ours"}, "pattern"),
        ({"MlflowResourceArn": get("Parameters.Sever")}, "unknown-parameter"),
        ({"MlflowResourceArn": get("Sever")}, "bad-function"),
        ([], "wrong-type"),
    ],
)
def test_faults_in_the_mlflow_configuration_are_found(config: Any, rule: str) -> None:
    assert ("error", rule) in found(pipeline(training(), MlflowConfig=config))


@pytest.mark.parametrize("kind", UNDESCRIBED)
def test_a_step_that_aws_names_is_known_whatever_it_is_given(kind: str) -> None:
    arguments = {"Anything": [{"Goes": get("Steps.Train.TrainingJobArn")}]}
    step = {"Name": "Other", "Type": kind, "DependsOn": ["Train"], "Arguments": arguments}
    nothing(pipeline(training(), {**step, "RetryPolicies": [], "More": 1}))
    arguments["Anything"][0]["Goes"] = get("Steps.Trian.TrainingJobArn")
    assert found(pipeline(training(), step)) == [("error", "unknown-step")]
    assert ("error", "missing-field") in found(pipeline({"Type": kind, "Arguments": {}}))
    step["DependOn"] = step.pop("DependsOn")
    assert ("error", "unknown-field") in found(pipeline(training(), step))


def test_a_type_that_may_be_newer_than_the_check_is_a_warning() -> None:
    step = {"Name": "New", "Type": "Quantum", "Arguments": {"A": get("Item.Key")}}
    nothing_else = [("warning", "unknown-type")]
    assert found(pipeline(training(), step)) == nothing_else
    assert found(pipeline(training(), {**step, "Type": "ForEech"})) == [("error", "not-in-enum")]
    assert found(pipeline(training(), {**step, "Type": 7})) == [("error", "not-in-enum")]


def test_steps_inside_a_foreach_may_be_referred_to() -> None:
    inner = [processing("Inner"), {**training(), "Name": "Second", "DependsOn": ["Inner"]}]
    items = {"Std:Split": get("Parameters.Regions")}
    arguments = {"Items": items, "Steps": inner, "Take": get("Item.Key")}
    loop = {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}
    after = processing("After", DependsOn=["Second", "Loop"])
    nothing(pipeline(loop, after, Parameters=[{"Name": "Regions", "Type": "String"}]))
    after["DependsOn"] = ["Thrid"]
    assert ("error", "unknown-step") in found(pipeline(loop, after))


def job() -> Definition:
    arguments = {
        "JobCategory": "AgentRFTEvaluation",
        "RoleArn": ROLE,
        "JobConfigSchemaVersion": "1.0.0",
        "JobConfigDocument": '{"a": 1}',
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    }
    return {"Name": "Judge", "Type": "Job", "Arguments": arguments}


def test_references_lead_into_a_jobs_document() -> None:
    run = get("Steps.Judge.JobConfigDocument.ServiceOutput.MlflowDetails.RunId")
    nothing(pipeline(job(), {"Name": "L", "Type": "Lineage", "Arguments": {"Run": run}}))
    name = get("Steps.Judge.JobConfig.RunId")
    wrong = pipeline(job(), {"Name": "L", "Type": "Lineage", "Arguments": {"Run": name}})
    assert found(wrong) == [("error", "unknown-property")]
    del (step := job())["Arguments"]["JobCategory"]
    assert found(pipeline(step)) == [("error", "missing-field")]


def quality(**changes: Any) -> Definition:
    """A check of data's quality, as the SDK writes it."""
    beside = {
        "CheckType": "DATA_QUALITY",
        "ModelPackageGroupName": "theirs",
        "SkipCheck": get("Parameters.Skip"),
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
        "SuppliedBaselineStatistics": None,
        "SuppliedBaselineConstraints": None,
    }
    arguments = processing("Quality")["Arguments"]
    step = {"Name": "Quality", "Type": "QualityCheck", "Arguments": arguments, **beside}
    return checked({**step, **changes}, "CalculatedBaselineStatistics")


def clarify(**changes: Any) -> Definition:
    """A check of a model's bias, as the SDK writes it."""
    beside = {
        "CheckType": "MODEL_BIAS",
        "ModelPackageGroupName": None,
        "SkipCheck": get("Parameters.Skip"),
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
        "SuppliedBaselineConstraints": None,
        "ModelName": "theirs",
    }
    arguments = processing("Bias")["Arguments"]
    step = {"Name": "Bias", "Type": "ClarifyCheck", "Arguments": arguments, **beside}
    return checked({**step, **changes}, "CalculatedBaselineConstraints")


def checked(step: Definition, answer: str) -> Definition:
    """A definition of that step, and of one that takes its answer."""
    use = {
        "Name": "Use",
        "Type": "Lineage",
        "Arguments": {"A": get(f"Steps.{step['Name']}.{answer}")},
    }
    skip = {"Name": "Skip", "Type": "Boolean", "DefaultValue": False}
    return pipeline(step, use, Parameters=[skip])


def emr(**changes: Any) -> Definition:
    """A step on a cluster that is running."""
    jar = {"Jar": "command-runner.jar", "Args": ["spark-submit", get("Parameters.Skip")]}
    arguments = {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": jar}, **changes}
    step = {"Name": "Spark", "Type": "EMR", "DisplayName": "s", "Arguments": arguments}
    definition = checked(step, "Status.State")
    definition["Parameters"] = [{"Name": "Skip", "Type": "String"}]
    return definition


def new_cluster() -> Definition:
    """A step on a cluster that is made for it."""
    groups = [{"InstanceRole": "MASTER", "InstanceCount": 1, "InstanceType": "m5.xlarge"}]
    config = {
        "Applications": [{"Name": "Spark"}],
        "Instances": {"InstanceGroups": groups},
        "ReleaseLabel": "emr-7.1.0",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
    }
    definition = emr(ClusterConfig=config)
    del definition["Steps"][0]["Arguments"]["ClusterId"]
    return definition


def serverless() -> Definition:
    run = {
        "executionRoleArn": ROLE,
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://bucket/job.py"}},
        "applicationId": "00abc",
    }
    arguments = {"ExecutionRoleArn": ROLE, "ApplicationId": "00abc", "JobConfig": run}
    step = {"Name": "Spark", "Type": "EMRServerless", "Arguments": arguments}
    definition = checked(step, "jobRun.state")
    return {**definition, "Parameters": []}


def test_checks_and_emr_steps_as_the_sdk_writes_them_are_right() -> None:
    for definition in (quality(), clarify(), emr(), new_cluster(), serverless()):
        nothing(definition)


def renamed(*path: str) -> Callable[[Definition], None]:
    """A change that misspells the member at the end of a path below the first step."""

    def change(definition: Definition) -> None:
        parent: Any = definition["Steps"][0]
        for name in path[:-1]:
            parent = parent[name]
        parent[path[-1] + "s"] = parent.pop(path[-1])

    return change


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (quality, ["SkipCheck"]),
        (quality, ["CheckType"]),
        (quality, ["SuppliedBaselineStatistics"]),
        (quality, ["Arguments", "Environment"]),
        (quality, ["Arguments", "ProcessingResources", "ClusterConfig", "VolumeSizeInGB"]),
        (clarify, ["ModelName"]),
        (clarify, ["FailOnViolation"]),
        (clarify, ["Arguments", "AppSpecification"]),
        (emr, ["Arguments", "ClusterId"]),
        (emr, ["Arguments", "StepConfig", "HadoopJarStep", "Args"]),
        (new_cluster, ["Arguments", "ClusterConfig", "ReleaseLabel"]),
        (new_cluster, ["Arguments", "ClusterConfig", "Instances", "InstanceGroups"]),
        (serverless, ["Arguments", "JobConfig", "jobDriver"]),
        (serverless, ["Arguments", "ApplicationId"]),
    ],
)
def test_a_misspelt_field_of_a_check_or_an_emr_step_is_found(
    make: Callable[[], Definition], path: list[str]
) -> None:
    definition = make()
    if path[-1] == "Environment":
        definition["Steps"][0]["Arguments"]["Environment"] = {"dataset_format": "{}"}
        nothing(definition)
    renamed(*path)(definition)
    assert ("error", "unknown-field") in found(definition)


@pytest.mark.parametrize(
    ("definition", "rule"),
    [
        (quality(CheckType="DATA_BIAS"), "not-in-enum"),
        (clarify(CheckType="DATA_QUALITY"), "not-in-enum"),
        (quality(SkipCheck="no"), "wrong-type"),
        (emr(ClusterConfig=None), "wrong-type"),
        (emr(StepConfig={"HadoopJarStep": {"Args": []}}), "missing-field"),
        (emr(StepConfig={"HadoopJarStep": {"Jar": "j"}, "ActionOnFailure": "STOP"}), "not-in-enum"),
    ],
)
def test_other_faults_of_a_check_or_an_emr_step_are_found(
    definition: Definition, rule: str
) -> None:
    assert ("error", rule) in found(definition)


def test_a_property_that_a_check_does_not_have_is_found() -> None:
    definition = quality()
    definition["Steps"][1]["Arguments"]["A"] = get("Steps.Quality.CalculatedBaseline")
    assert ("error", "unknown-property") in found(definition)


def tuning_of_two() -> Definition:
    """Tuning of two algorithms at once: each has its own ranges, of the same name here."""
    ranges = {
        "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "0.9"}],
        "IntegerParameterRanges": [],
        "CategoricalParameterRanges": [],
    }
    told = training()["Arguments"]
    job = {
        "AlgorithmSpecification": {
            **told["AlgorithmSpecification"],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "OutputDataConfig": told["OutputDataConfig"],
        "StoppingCondition": told["StoppingCondition"],
        "ResourceConfig": CLUSTER,
        "RoleArn": ROLE,
        "HyperParameterRanges": ranges,
        "StaticHyperParameters": {"epochs": "3"},
        "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
    }
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    arguments = {
        "HyperParameterTuningJobConfig": {"Strategy": "Bayesian", "ResourceLimits": limits},
        "TrainingJobDefinitions": [{**job, "DefinitionName": name} for name in ("a", "b")],
    }
    return pipeline({"Name": "Tune", "Type": "Tuning", "Arguments": arguments})


def test_two_algorithms_may_search_a_hyperparameter_of_the_same_name() -> None:
    nothing(tuning_of_two())


def test_the_ranges_of_each_of_several_algorithms_are_checked() -> None:
    definition = tuning_of_two()
    second = definition["Steps"][0]["Arguments"]["TrainingJobDefinitions"][1]
    second["StaticHyperParameters"] = {"lr": "1"}
    assert found(definition) == [("error", "hyperparameter-twice")]
    second["StaticHyperParameters"] = {}
    second["HyperParameterRanges"] = {
        "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "1", "MaxValue": "0.9"}]
    }
    assert found(definition) == [("error", "range")]


@pytest.mark.parametrize(("seconds", "right"), [(2_419_200, True), (2_419_201, False)])
def test_training_may_run_for_28_days_and_no_more(seconds: int, right: bool) -> None:
    stop = {"MaxRuntimeInSeconds": seconds}
    wanted = [] if right else [("error", "runtime-limit")]
    assert found(pipeline(training(StoppingCondition=stop))) == wanted
    tuning = tuning_of_two()
    tuning["Steps"][0]["Arguments"]["TrainingJobDefinitions"][0]["StoppingCondition"] = stop
    assert found(tuning) == wanted


def image_of_training(definition: Definition, image: Any) -> None:
    definition["Steps"][0]["Arguments"]["AlgorithmSpecification"]["TrainingImage"] = image


def image_of_processing(definition: Definition, image: Any) -> None:
    definition["Steps"][1]["Arguments"]["AppSpecification"]["ImageUri"] = image


def image_to_serve(definition: Definition, image: Any) -> None:
    gate = definition["Steps"][2]["Arguments"]
    gate["IfSteps"][0]["Arguments"]["InferenceSpecification"]["Containers"][0]["Image"] = image


@pytest.mark.parametrize("put", [image_of_training, image_of_processing, image_to_serve])
@pytest.mark.parametrize(
    "image",
    [f"{IMAGE} ", f"\n{IMAGE}", {"Std:Join": {"On": ": ", "Values": ["repository", "tag"]}}],
)
def test_white_space_in_an_image_address_is_found(put: Callable[..., None], image: Any) -> None:
    definition = evaluated()
    put(definition, image)
    [finding] = errors(definition)
    assert finding.rule in ("image-address", "pattern")


def errors(definition: Definition) -> list[Finding]:
    return [one for one in check_definition(definition) if one.severity == "error"]
