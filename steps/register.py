"""Build the Register step: a version in the model registry, with its metrics and its origin."""

from typing import Any

from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.properties import Properties
from sagemaker.workflow.steps import (
    ConfigurableRetryStep,
    ProcessingStep,
    StepTypeEnum,
    TrainingStep,
)

from inference_code.picture_formats import MIME_TYPES
from pipeline.version import VERSION
from steps.card import model_card
from steps.jobs import BuildContext, output_uri, processing_output, step_retries
from steps.prepare import DATASET_FILE

CONTENT_TYPES = [*MIME_TYPES, "application/json"]
RESPONSE_TYPES = ["application/json", "text/csv"]
# Where the serving container finds our functions in the artifact.
SERVING_ENVIRONMENT: dict[str, Any] = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SM_RAYSERVE_APP": "ray_app:app",  # of AWS's Ray image
    "SERVING_METRICS_LOG": "/proc/1/fd/1",  # the container's own output, as CloudWatch gets it
}


class RegisterStep(ConfigurableRetryStep):
    """A RegisterModel step that keeps the name it is given; the SDK's own appends to it."""

    def __init__(self, name: str, request: dict[str, Any], context: BuildContext) -> None:
        super().__init__(
            name, StepTypeEnum.REGISTER_MODEL, retry_policies=step_retries(context.settings)
        )
        self._request = request
        self._properties = Properties(
            step_name=name, step=self, shape_name="DescribeModelPackageOutput"
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The request of CreateModelPackage."""
        return self._request

    @property
    def properties(self) -> Any:
        """References to the members of DescribeModelPackage's response."""
        return self._properties


def build_register_step(
    context: BuildContext, prepare: ProcessingStep, train: TrainingStep, evaluate: ProcessingStep
) -> RegisterStep:
    """Build the Register step; the artifact holds its serving code, so nothing is repacked."""
    settings, parameters = context.settings, context.parameters
    model = Model(
        image_uri=context.serving_image,
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        role=settings.serving_role_arn,
        sagemaker_session=context.session,
        env=SERVING_ENVIRONMENT,
    )
    fingerprint = JsonGet(
        step_name=prepare.name, property_file=DATASET_FILE, json_path="fingerprint"
    )
    captured = model.register(
        content_types=CONTENT_TYPES,
        response_types=RESPONSE_TYPES,
        inference_instances=[parameters.endpoint_instance_type],
        model_package_group_name=settings.model_package_group,
        approval_status=parameters.model_approval_status,
        model_metrics=_metrics(evaluate),
        customer_metadata_properties={
            "GitCommit": parameters.git_commit,
            "PipelineVersion": VERSION,
            "DataFingerprint": fingerprint,
            "TrainingJob": train.properties.TrainingJobName,
            "Report": output_uri(context, "report", "report.html"),
        },
        domain="COMPUTER_VISION",
        task="IMAGE_CLASSIFICATION",
    )
    request = _without_empty(captured.create_model_package_request)
    card = model_card(context, prepare, train, evaluate)
    return RegisterStep("Register", request | ({"ModelCard": card} if card else {}), context)


def _metrics(evaluate: ProcessingStep) -> ModelMetrics:
    file = Join(on="/", values=[processing_output(evaluate, "evaluation"), "evaluation.json"])
    return ModelMetrics(
        model_statistics=MetricsSource(content_type="application/json", s3_uri=file)
    )


def _without_empty(request: dict[str, Any]) -> dict[str, Any]:
    """Drop the empty metrics that the SDK adds, and CertifyForMarketplace, refused by Pipelines."""
    kept = {key: value for key, value in request.items() if key != "CertifyForMarketplace"}
    metrics = {key: value for key, value in request["ModelMetrics"].items() if value}
    return {**kept, "ModelMetrics": metrics}
