"""List a pipeline's step types: the API call each makes and the answers its properties have."""

from collections.abc import Mapping
from dataclasses import dataclass

_JOB = ("RetryPolicies", "CacheConfig")
_CHECK = (
    "CheckType",
    "ModelPackageGroupName",
    "SkipCheck",
    "FailOnViolation",
    "RegisterNewBaseline",
    "SuppliedBaselineConstraints",
)


@dataclass(frozen=True)
class Kind:
    """A step type: its request, its answers, and what else the step may hold.

    `request` is botocore's shape of its Arguments, `answers` those of its properties. `given` is
    what SageMaker fills in itself, `frame` what the step may hold beside its Arguments, `one_of`
    groups of which the service wants one although botocore marks no member as required.
    """

    request: str
    answers: tuple[str, ...]
    given: tuple[str, ...] = ()
    frame: tuple[str, ...] = _JOB
    one_of: tuple[tuple[str, ...], ...] = ()


KINDS: Mapping[str, Kind] = {
    "Processing": Kind(
        "CreateProcessingJobRequest",
        ("DescribeProcessingJobResponse",),
        given=("ProcessingJobName",),
        frame=(*_JOB, "PropertyFiles"),
    ),
    "Training": Kind(
        "CreateTrainingJobRequest",
        ("DescribeTrainingJobResponse",),
        given=("TrainingJobName",),
        one_of=(
            ("AlgorithmSpecification", "ServerlessJobConfig"),
            ("ResourceConfig", "ServerlessJobConfig"),
        ),
    ),
    "Tuning": Kind(
        "CreateHyperParameterTuningJobRequest",
        (
            "DescribeHyperParameterTuningJobResponse",
            "ListTrainingJobsForHyperParameterTuningJobResponse",
        ),
        given=("HyperParameterTuningJobName",),
        one_of=(("TrainingJobDefinition", "TrainingJobDefinitions"),),
    ),
    "Transform": Kind(
        "CreateTransformJobRequest",
        ("DescribeTransformJobResponse",),
        given=("TransformJobName",),
    ),
    "Model": Kind(
        "CreateModelInput",
        ("DescribeModelOutput",),
        given=("ModelName",),
        frame=("RetryPolicies",),
        one_of=(("PrimaryContainer", "Containers", "InferenceExecutionConfig"),),
    ),
    "RegisterModel": Kind(
        "CreateModelPackageInput",
        ("DescribeModelPackageOutput",),
        frame=("RetryPolicies",),
        one_of=(
            ("ModelPackageGroupName", "ModelPackageName"),
            ("InferenceSpecification", "SourceAlgorithmSpecification", "ModelCard"),
        ),
    ),
    "AutoML": Kind(
        "CreateAutoMLJobRequest", ("DescribeAutoMLJobResponse",), given=("AutoMLJobName",)
    ),
    "EndpointConfig": Kind(
        "CreateEndpointConfigInput",
        ("DescribeEndpointConfigOutput",),
        given=("EndpointConfigName",),
        frame=("RetryPolicies",),
    ),
    "Endpoint": Kind(
        "EndpointArguments", ("DescribeEndpointOutput",), given=("EndpointName",), frame=()
    ),
    "QualityCheck": Kind(
        "CreateProcessingJobRequest",
        ("QualityCheckStepMetadata",),
        given=("ProcessingJobName",),
        frame=(*_JOB, *_CHECK, "SuppliedBaselineStatistics"),
    ),
    "ClarifyCheck": Kind(
        "CreateProcessingJobRequest",
        ("ClarifyCheckStepMetadata",),
        given=("ProcessingJobName",),
        frame=(*_JOB, *_CHECK, "ModelName"),
    ),
    "EMR": Kind(
        "EMRArguments",
        ("EMR.Step", "EMRStepMetadata"),
        one_of=(("ClusterId", "ClusterConfig"),),
    ),
    "EMRServerless": Kind(
        "EMRServerlessArguments",
        ("EMRServerless.GetJobRunResponse", "EMRServerlessStepMetadata"),
        one_of=(("ApplicationId", "ApplicationConfig"),),
    ),
    "Job": Kind("JobArguments", ("JobAnswer",)),
    "Lambda": Kind("LambdaArguments", (), frame=("CacheConfig", "FunctionArn", "OutputParameters")),
    "Callback": Kind(
        "LambdaArguments", (), frame=("CacheConfig", "SqsQueueUrl", "OutputParameters")
    ),
    "Condition": Kind("ConditionArguments", ("ConditionStepMetadata",), frame=()),
    "Fail": Kind("FailArguments", (), frame=()),
}

# Types of botocore's PipelineExecutionStepMetadata whose Arguments AWS does not publish: of these
# steps only references to steps and parameters are checked.
UNDESCRIBED = (
    "Athena",
    "BedrockCustomModel",
    "BedrockCustomModelDeployment",
    "BedrockModelImport",
    "BedrockProvisionedModelThroughput",
    "Cleanup",
    "ForEach",
    "HubContent",
    "InferenceComponent",
    "Lineage",
)


def may_hold_steps(step_type: str) -> bool:
    """Check whether steps, and references of another form, may stand in a step's Arguments."""
    return step_type == "ForEach" or step_type not in (*KINDS, *UNDESCRIBED)


def arguments_shape(kind: Kind) -> str:
    """Return the name of the shape of a step's Arguments: the request less the given names."""
    return f"Pipeline{kind.request}"
