"""Define the pipeline-definition shapes that botocore lacks, in botocore's format.

Three types are ours: `any` takes everything, `scalar` one value, and `union` chooses by its `tag`.
A `growing` union gets new members from AWS, so one that is unknown here may exist; an `open`
structure may hold more members than are listed, unless they are almost one of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.check.kinds import KINDS, UNDESCRIBED, Kind, arguments_shape

Shape = Mapping[str, Any]

_COMPARISONS = (
    "Equals",
    "NotEquals",
    "GreaterThan",
    "GreaterThanOrEqualTo",
    "LessThan",
    "LessThanOrEqualTo",
)
_REQUIRED_IN_FRAME = ("Name", "Type", "Arguments", "FunctionArn", "SqsQueueUrl", "CheckType")


def own_shapes(botocore_shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return shapes of the definition, parameters, step frames, requests less given names.

    `botocore_shapes` are SageMaker's, and those of EMR and EMR Serverless as `EMR.x`,
    `EMRServerless.x`.
    """
    return {
        **_SIMPLE,
        **_DEFINITION,
        **_CONDITIONS,
        **_MLFLOW,
        **_CHECKS,
        **{name: {**botocore_shapes[name], "one_of": groups} for name, groups in _ONE_OF.items()},
        **_of_emr(botocore_shapes),
        "JobAnswer": _job_answer(botocore_shapes),
        **_requests(botocore_shapes),
        **{f"{name}Step": _frame(name, kind) for name, kind in KINDS.items()},
        "UndescribedStep": {
            **structure({**_FRAME, "Arguments": "Anything"}, ("Name", "Type")),
            "open": True,
        },
        "Step": {
            "type": "union",
            "tag": "Type",
            "shapes": {
                **{name: f"{name}Step" for name in KINDS},
                **dict.fromkeys(UNDESCRIBED, "UndescribedStep"),
            },
            "growing": True,
        },
    }


_FRAME: Mapping[str, str] = {
    "Name": "PipelineName64",
    "Type": "Text",
    "DisplayName": "StepDisplayName",
    "Description": "StepDescription",
    "DependsOn": "StepNames",
}


def _requests(known: Mapping[str, Shape]) -> dict[str, Shape]:
    job = _less(known["CreateJobRequest"], ("JobName",), VpcConfig="VpcConfig")
    own = {"EndpointArguments": _endpoint(known), "JobArguments": job}
    written = {**known, **_ARGUMENTS, **own}
    return {
        arguments_shape(kind): _as_pipelines_take_it(kind, written[kind.request])
        for kind in KINDS.values()
    }


def _endpoint(known: Mapping[str, Shape]) -> Shape:
    """Merge two requests' members, as an Endpoint step creates or updates."""
    members = {**known["UpdateEndpointInput"]["members"], **known["CreateEndpointInput"]["members"]}
    return {"type": "structure", "members": members, "required": ["EndpointConfigName"]}


def _of_emr(known: Mapping[str, Shape]) -> dict[str, Shape]:
    """Build the parts of EMR's and EMR Serverless' requests that a step may give.

    SageMaker names steps and clusters, and starts and ends them; tests hold them to the SDK's.
    """
    cluster = ("Name", "Steps", "AutoTerminationPolicy")
    kept = ("KeepJobFlowAliveWhenNoSteps", "TerminationProtected")
    start = _less(known["EMRServerless.StartJobRunRequest"], ("clientToken",))
    needed = [name for name in start["required"] if name != "applicationId"]
    return {
        "PipelineEMRStepConfig": {**known["EMR.StepConfig"], "required": ["HadoopJarStep"]},
        "PipelineEMRCluster": _less(
            known["EMR.RunJobFlowInput"], cluster, Instances="PipelineEMRInstances"
        ),
        "PipelineEMRInstances": {
            **_less(known["EMR.JobFlowInstancesConfig"], kept),
            "one_of": (("InstanceGroups", "InstanceFleets"),),
        },
        "PipelineEMRServerlessJob": {**start, "required": needed},
        "PipelineEMRServerlessApplication": _less(
            known["EMRServerless.CreateApplicationRequest"], ("clientToken",)
        ),
    }


def _job_answer(known: Mapping[str, Shape]) -> Shape:
    """Describe a job's answer; its document is JSON that references lead into."""
    return _less(known["DescribeJobResponse"], (), JobConfigDocument="Anything")


def _less(shape: Shape, without: Sequence[str], **instead: str) -> dict[str, Any]:
    """Return a structure's shape without some members, and with others in place or added."""
    members = {name: one for name, one in shape["members"].items() if name not in without}
    members |= {name: {"shape": other} for name, other in instead.items()}
    required = [name for name in shape.get("required", ()) if name not in without]
    return {**shape, "members": members, "required": required}


def _as_pipelines_take_it(kind: Kind, shape: Shape) -> Shape:
    required = [name for name in shape.get("required", []) if name not in kind.given]
    return {**shape, "required": required, "one_of": kind.one_of}


def _frame(name: str, kind: Kind) -> Shape:
    members = {
        **_FRAME,
        "Arguments": arguments_shape(kind),
        **{field: _FRAME_SHAPES.get((name, field), field) for field in kind.frame},
    }
    required = [field for field in _REQUIRED_IN_FRAME if field in members]
    # A Lambda that takes nothing has no Arguments.
    if kind.request == "LambdaArguments":
        required.remove("Arguments")
    return structure(members, required)


def structure(members: Mapping[str, str], required: Sequence[str]) -> dict[str, Any]:
    """Build a structure's shape from member -> name of its shape."""
    return {
        "type": "structure",
        "members": {name: {"shape": shape} for name, shape in members.items()},
        "required": list(required),
    }


def _list(member: str, **limits: int) -> Shape:
    return {"type": "list", "member": {"shape": member}, **limits}


def _map(value: str, **limits: int) -> Shape:
    return {"type": "map", "key": {"shape": "Text"}, "value": {"shape": value}, **limits}


# The service wants one member of each group; botocore marks them all as optional.
_ONE_OF: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "DataSource": (("S3DataSource", "FileSystemDataSource", "DatasetSource"),),
    "AlgorithmSpecification": (("TrainingImage", "AlgorithmName"),),
    "HyperParameterAlgorithmSpecification": (("TrainingImage", "AlgorithmName"),),
    "HyperParameterTrainingJobDefinition": (
        ("HyperParameterTuningResourceConfig", "ResourceConfig"),
    ),
    "HyperParameterTuningResourceConfig": (
        ("InstanceType", "InstanceConfigs"),
        ("InstanceCount", "InstanceConfigs"),
    ),
    "ResourceConfig": (
        ("InstanceType", "InstanceGroups", "InstancePreferences"),
        ("InstanceCount", "InstanceGroups", "InstancePreferences"),
    ),
    "ProcessingClusterConfig": (
        ("InstanceType", "InstancePreferences"),
        ("InstanceCount", "InstancePreferences"),
    ),
    "ProcessingInput": (("S3Input", "DatasetDefinition"),),
    "ModelPackageContainerDefinition": (("Image", "BaseModel"),),
    "CollectionConfiguration": (("CollectionName",),),
}

_SIMPLE: dict[str, Shape] = {
    "Anything": {"type": "any"},
    "Scalar": {"type": "scalar"},
    "Text": {"type": "string"},
    "PipelineName64": {"type": "string", "pattern": "[A-Za-z0-9\\-_]{1,64}"},
    "StepNames": _list("Text"),
    "FailMessage": {"type": "string", "min": 1, "max": 3072},
    "FunctionArn": {
        "type": "string",
        "max": 2048,
        "pattern": "arn:aws[a-z\\-]*:lambda:[a-z0-9\\-]+:[0-9]{12}:function:[a-zA-Z0-9\\-_]{1,140}"
        "(:(\\$LATEST|[a-zA-Z0-9\\-_]+))?",
    },
    "SqsQueueUrl": {"type": "string", "pattern": "https://.+"},
    "OutputParameters": _list("StepOutputParameter", max=50),
    "StepOutputParameter": structure(
        {"OutputName": "PipelineName64", "OutputType": "PipelineParameterType"},
        ("OutputName", "OutputType"),
    ),
    "PropertyFiles": _list("PipelinePropertyFile", max=10),
    "PipelinePropertyFile": structure(
        {"PropertyFileName": "PipelineName64", "OutputName": "Text", "FilePath": "FilePath1024"},
        ("PropertyFileName", "OutputName", "FilePath"),
    ),
    "FilePath1024": {"type": "string", "min": 1, "max": 1024, "pattern": "[^/].*"},
    "CacheConfig": structure({"Enabled": "Flag", "ExpireAfter": "Duration"}, ("Enabled",)),
    "Flag": {"type": "boolean"},
    # AWS documents both "P30D" and "30d", "T16m".
    "Duration": {"type": "string", "pattern": "(?i)P?(?=[0-9T])([0-9]+[YMWD])*(T([0-9]+[HM])+)?"},
    "RetryPolicies": _list("StepRetryPolicy"),
    "StepRetryPolicy": structure(
        {
            "ExceptionType": "RetryExceptions",
            "BackoffRate": "BackoffRate",
            "IntervalSeconds": "RetryInterval",
            "MaxAttempts": "RetryAttempts",
            "ExpireAfterMin": "RetryExpiry",
        },
        ("ExceptionType",),
    ),
    "RetryExceptions": _list("RetryException", min=1),
    "RetryException": {
        "type": "string",
        "enum": [
            "Step.SERVICE_FAULT",
            "Step.THROTTLING",
            "SageMaker.JOB_INTERNAL_ERROR",
            "SageMaker.CAPACITY_ERROR",
            "SageMaker.RESOURCE_LIMIT",
            "Emr.RESOURCE_LIMIT",
        ],
    },
    "BackoffRate": {"type": "double", "min": 1},
    "RetryInterval": {"type": "integer", "min": 1, "max": 43200},
    "RetryAttempts": {"type": "integer", "min": 1, "max": 20},
    "RetryExpiry": {"type": "integer", "min": 1, "max": 14400},
}

_DEFINITION: dict[str, Shape] = {
    "DefinitionFile": structure(
        {
            "Version": "DefinitionVersion",
            "Metadata": "DefinitionMetadata",
            "Parameters": "PipelineParameters",
            "PipelineExperimentConfig": "DefinitionExperiment",
            "MlflowConfig": "DefinitionMlflow",
            "Steps": "Steps",
        },
        ("Version", "Steps"),
    ),
    "DefinitionVersion": {"type": "string", "enum": ["2020-12-01"]},
    "DefinitionMetadata": _map("Text"),
    "Steps": _list("Step", min=1),
    "PipelineParameters": _list("PipelineParameter", max=200),
    "PipelineParameter": structure(
        {
            "Name": "PipelineName64",
            "Type": "PipelineParameterType",
            "DefaultValue": "Scalar",
            "EnumValues": "EnumValues",
            "Description": "StepDescription",
        },
        ("Name", "Type"),
    ),
    "EnumValues": _list("Scalar", min=1),
    "PipelineParameterType": {"type": "string", "enum": ["String", "Integer", "Float", "Boolean"]},
    "DefinitionExperiment": {
        **structure({"ExperimentName": "Text", "TrialName": "Text"}, ()),
        "nullable": True,  # what the SDK writes for "no experiment"
    },
}

# The SDK writes null for what is not given: the whole, or a member.
_MLFLOW: dict[str, Shape] = {
    "DefinitionMlflow": {
        **structure(
            {"MlflowResourceArn": "NullableMlflowArn", "MlflowExperimentName": "NullableText"}, ()
        ),
        "nullable": True,
    },
    "NullableMlflowArn": {
        "type": "string",
        "max": 2048,
        "pattern": "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:mlflow-[a-zA-Z-]*/.*",
        "nullable": True,
    },
}

# What stands beside the Arguments of QualityCheck and ClarifyCheck, as the SDK writes it.
_CHECKS: dict[str, Shape] = {
    "NullableText": {"type": "string", "nullable": True},
    "NullableFlag": {"type": "boolean", "nullable": True},
    "QualityCheckType": {"type": "string", "enum": ["DATA_QUALITY", "MODEL_QUALITY"]},
    "ClarifyCheckType": {
        "type": "string",
        "enum": ["DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"],
    },
}
_FRAME_SHAPES: Mapping[tuple[str, str], str] = {
    (kind, field): shape
    for kind in ("QualityCheck", "ClarifyCheck")
    for field, shape in {
        "CheckType": f"{kind}Type",
        "ModelPackageGroupName": "NullableText",
        "ModelName": "NullableText",
        "SkipCheck": "NullableFlag",
        "FailOnViolation": "NullableFlag",
        "RegisterNewBaseline": "NullableFlag",
        "SuppliedBaselineConstraints": "NullableText",
        "SuppliedBaselineStatistics": "NullableText",
    }.items()
}

_CONDITIONS: dict[str, Shape] = {
    "ConditionSteps": _list("Step"),
    "PipelineConditions": _list("PipelineCondition", min=1),
    "PipelineCondition": {
        "type": "union",
        "tag": "Type",
        "shapes": {
            **dict.fromkeys(_COMPARISONS, "Comparison"),
            "In": "InCondition",
            "NotIn": "InCondition",
            "Not": "NotCondition",
            "Or": "OrCondition",
        },
    },
    "Comparison": structure(
        {"Type": "Text", "LeftValue": "Scalar", "RightValue": "Scalar"},
        ("Type", "LeftValue", "RightValue"),
    ),
    # The SDK writes QueryValue and Values, AWS's published schema Value and In.
    "InCondition": {
        **structure(
            {
                "Type": "Text",
                "QueryValue": "Scalar",
                "Values": "EnumValues",
                "Value": "Scalar",
                "In": "EnumValues",
            },
            ("Type",),
        ),
        "one_of": (("QueryValue", "Value"), ("Values", "In")),
    },
    "NotCondition": structure(
        {"Type": "Text", "Condition": "PipelineCondition"}, ("Type", "Condition")
    ),
    "OrCondition": structure(
        {"Type": "Text", "Conditions": "PipelineConditions"}, ("Type", "Conditions")
    ),
}

_ARGUMENTS: dict[str, Shape] = {
    "ConditionArguments": structure(
        {
            "Conditions": "PipelineConditions",
            "IfSteps": "ConditionSteps",
            "ElseSteps": "ConditionSteps",
        },
        ("Conditions",),
    ),
    "LambdaArguments": _map("Anything"),
    "EMRArguments": structure(
        {
            "ClusterId": "Text",
            "ClusterConfig": "PipelineEMRCluster",
            "StepConfig": "PipelineEMRStepConfig",
            "ExecutionRoleArn": "RoleArn",
        },
        ("StepConfig",),
    ),
    "EMRServerlessArguments": structure(
        {
            "ExecutionRoleArn": "RoleArn",
            "ApplicationId": "Text",
            "ApplicationConfig": "PipelineEMRServerlessApplication",
            "JobConfig": "PipelineEMRServerlessJob",
        },
        ("ExecutionRoleArn", "JobConfig"),
    ),
    "FailArguments": structure({"ErrorMessage": "FailMessage"}, ("ErrorMessage",)),
}
