"""Build what all steps share: context, images, processing and training jobs, caching, retries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.functions import Join
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import (
    RetryPolicy,
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.workflow.steps import CacheConfig, ProcessingStep

from pipeline.assets.code_bundle import REQUIREMENTS, RUNNER, CodeBundle
from pipeline.assets.packages import install_from
from pipeline.errors import UsageError
from pipeline.images.catalog import job_image
from pipeline.job_scripts.metrics import metric_definitions
from pipeline.job_scripts.toolkit_arguments import PLAIN, survives_a_shell
from pipeline.settings.drawing import is_in_parts
from pipeline.settings.model import Instance, Settings, Spot
from steps.hyperparameters import hyperparameter
from steps.parameters import Parameters
from steps.protection import (
    PACKAGES,
    code_address,
    processing_protection,
    training_protection,
)

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"
CHECKPOINTS = "/opt/ml/checkpoints"


@dataclass(frozen=True)
class BuildContext:
    """The settings, parameters, session and uploaded code that every step builder works with.

    `serving_image` is the image that serves, and that Evaluate runs in. `folder` is the one of the
    bucket that jobs write to. `packages_uri` is what jobs without an index install from.
    """

    settings: Settings
    parameters: Parameters
    session: PipelineSession
    bundles: Mapping[str, CodeBundle]
    weights_uri: str | None
    decisions_uri: str | None
    serving_image: str
    folder: str = "runs"
    packages_uri: str | None = None

    @property
    def tags(self) -> dict[str, Any]:
        """Tags of every resource, sorted so that the same settings give the same definition."""
        return dict(sorted({"project": self.settings.project, **self.settings.aws.tags}.items()))


def output_uri(context: BuildContext, *parts: str) -> Join:
    """Return an S3 address of this execution's own: s3://{bucket}/runs/{execution}/{step}/..."""
    start = f"s3://{context.settings.bucket}/{context.folder}"
    return Join(on="/", values=[start, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])


def processing_step(
    context: BuildContext,
    name: str,
    script: str,
    *,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    property_file: PropertyFile | None = None,
    image: str | None = None,
) -> ProcessingStep:
    """Build a step that runs `script` on one machine, with `arguments` as `--key value`.

    Values are text or references.
    `inputs` are S3 addresses by name, found under /opt/ml/processing/input/{name};
    `outputs` are names, written under /opt/ml/processing/output/{name}.
    `image` is PyTorch's unless it is given. A script with requirements is started by the runner,
    which installs those that the image lacks.
    """
    settings, instance = context.settings, context.settings.instances.processing
    code = context.bundles[script]
    installs = REQUIREMENTS in code.files
    start = [RUNNER, script] if installs else [script]
    # another image's packages are not ours to bring; isolated, it could not fetch them either
    brings = installs and (image is None or settings.network.isolation)
    packages = {PACKAGES: context.packages_uri} if brings and context.packages_uri else {}
    processor = Processor(
        role=settings.jobs_role_arn,
        image_uri=image or job_image(settings.aws.region, instance.type),
        instance_count=instance.count,
        instance_type=context.parameters.processing_instance_type,
        entrypoint=["python3", f"{INPUT}/code/{start[0]}", *start[1:]],
        volume_size_in_gb=instance.volume_gb,
        max_runtime_in_seconds=instance.max_run_minutes * 60,
        sagemaker_session=context.session,
        env={
            "EXIT_MESSAGE_FILE": "/opt/ml/output/message",
            **(install_from(f"{INPUT}/{PACKAGES}") if packages else {}),
        },
        tags=context.tags,
        **processing_protection(settings, instance.type),
    )
    sources = {"code": code.uri, **packages, **inputs}
    step_args = processor.run(
        inputs=[
            ProcessingInput(source=source, destination=f"{INPUT}/{key}", input_name=key)
            for key, source in sources.items()
        ],
        outputs=[
            ProcessingOutput(
                source=f"{OUTPUT}/{key}",
                destination=output_uri(context, name, key),
                output_name=key,
            )
            for key in outputs
        ],
        arguments=[part for key, value in arguments.items() for part in (f"--{key}", value)],
    )
    return ProcessingStep(
        name=name,
        step_args=step_args,
        property_files=[property_file] if property_file else None,
        cache_config=cache_config(settings),
        retry_policies=job_retries(settings),
    )


def section_arguments(settings: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return settings of a section as arguments: batch_size becomes `--batch-size`."""
    return {name.replace("_", "-"): hyperparameter(value) for name, value in settings}


def processing_output(step: ProcessingStep, name: str) -> Any:
    """Return a reference to the S3 address of a processing step's output."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def training_job(
    context: BuildContext,
    step_name: str,
    instance: Instance,
    *,
    code: str,
    max_run_minutes: int,
    hyperparameters: Mapping[str, Any],
    **options: Any,
) -> Estimator:
    """Build the SDK's Estimator for a training job of train.py, to which `options` go too.

    `code` is its bundle: TRAIN or TRIALS of pipeline/assets/code_bundle.py. Raises UsageError for
    a hyperparameter that would not reach the script.
    """
    settings, bundle = context.settings, context.bundles[code]
    told = {**hyperparameters, **_toolkit_hyperparameters(context, bundle)}
    _require_plain(told)
    return Estimator(
        image_uri=job_image(settings.aws.region, instance.type),
        role=settings.jobs_role_arn,
        instance_count=instance.count,
        volume_size=instance.volume_gb,
        max_run=max_run_minutes * 60,
        output_path=output_uri(context, step_name),
        sagemaker_session=context.session,
        hyperparameters=told,
        metric_definitions=metric_definitions(in_parts=is_in_parts(settings.tuning)),
        disable_profiler=True,
        tags=context.tags,
        **training_protection(settings, instance.type),
        **options,
    )


def spot_options(spot: Spot | None, checkpoints: Join) -> dict[str, Any]:
    """Return the Estimator's options for spot machines; `checkpoints` is an address that ends in /.

    Without the / SageMaker would bring every address that begins with it.
    """
    if spot is None:
        return {}
    kept = {"checkpoint_s3_uri": checkpoints, "checkpoint_local_path": CHECKPOINTS}
    return {
        "use_spot_instances": True,
        "max_wait": spot.max_wait_minutes * 60,
        **(kept if spot.checkpoints else {}),
    }


def _toolkit_hyperparameters(context: BuildContext, bundle: CodeBundle) -> dict[str, str]:
    """Return what SageMaker's training toolkit reads to find and start the script."""
    return {
        "sagemaker_program": bundle.entry,
        "sagemaker_submit_directory": code_address(bundle, context.packages_uri),
        "sagemaker_region": context.settings.aws.region,
    }


def _require_plain(hyperparameters: Mapping[str, Any]) -> None:
    for name, value in hyperparameters.items():
        if isinstance(value, str) and not survives_a_shell(value):
            what = f"the hyperparameter {name} would be {value!r}, which breaks in a shell"
            raise UsageError(f"{what} of SageMaker's toolkit: allowed are {PLAIN}")


def cache_config(settings: Settings) -> CacheConfig:
    """Return the step caching that the settings ask for."""
    caching = settings.caching
    return CacheConfig(enable_caching=caching.enabled, expire_after=caching.expire_after)


def step_retries(settings: Settings) -> list[RetryPolicy]:
    """Return the retry policies for a SageMaker service that fails or throttles."""
    kinds = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(exception_types=kinds, **_waits(settings))]


def job_retries(settings: Settings) -> list[RetryPolicy]:
    """Return step_retries and those for a machine that cannot be had or breaks.

    A script of ours that fails is never tried again.
    """
    limits = [SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT]
    failures = [
        SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
        SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
    ]
    job = SageMakerJobStepRetryPolicy(
        exception_types=limits, failure_reason_types=failures, **_waits(settings)
    )
    return [*step_retries(settings), job]


def _waits(settings: Settings) -> dict[str, Any]:
    retry = settings.retry
    return {
        "backoff_rate": retry.backoff_rate,
        "interval_seconds": retry.interval_seconds,
        "max_attempts": retry.max_attempts,
    }
