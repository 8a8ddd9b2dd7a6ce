"""List a pipeline's step types: the API call each makes and the answers its properties have."""

from collections.abc import Mapping
from dataclasses import dataclass

_JOB = ("RetryPolicies", "CacheConfig")


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
    "Lambda": Kind("LambdaArguments", (), frame=("CacheConfig", "FunctionArn", "OutputParameters")),
    "Callback": Kind(
        "LambdaArguments", (), frame=("CacheConfig", "SqsQueueUrl", "OutputParameters")
    ),
    "Condition": Kind("ConditionArguments", ("ConditionStepMetadata",), frame=()),
    "Fail": Kind("FailArguments", (), frame=()),
}

# Step types whose Arguments nothing here describes: only their references are checked.
UNDESCRIBED = (
    "QualityCheck",
    "ClarifyCheck",
    "EMR",
    "EMRServerless",
    "InferenceComponent",
    "Lineage",
)


def arguments_shape(kind: Kind) -> str:
    """Return the name of the shape of a step's Arguments: the request less the given names."""
    return f"Pipeline{kind.request}"
