"""Build the Deploy step: the Lambda that brings a model package to an endpoint."""

from typing import Any

from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from pipeline.settings.serverless import staging_memory_mb
from steps.jobs import BuildContext
from steps.protection import endpoint_protection
from steps.register import RegisterStep

# `action`: created, updated or unchanged; waiting or superseded while other runs deploy.
OUTPUTS = ("endpoint_name", "endpoint_config_name", "model_name", "action")


def build_deploy_step(context: BuildContext, register: RegisterStep) -> LambdaStep | None:
    """Build the Deploy step, which calls the function by its ARN; None without staging.

    Publishing the function's code is not the definition's work.
    """
    if context.settings.deploy.staging.type == "none":
        return None
    settings, parameters = context.settings, context.parameters
    return LambdaStep(
        name="Deploy",
        lambda_func=Lambda(function_arn=settings.lambda_arn, session=context.session),
        inputs={
            "model_package_arn": register.properties.ModelPackageArn,
            "endpoint_name": parameters.endpoint_name,
            **_machines(context),
            "role_arn": settings.serving_role_arn,
        },
        outputs=[
            LambdaOutput(output_name=name, output_type=LambdaOutputTypeEnum.String)
            for name in OUTPUTS
        ],
    )


def _machines(context: BuildContext) -> dict[str, Any]:
    """Return what the endpoint runs on: instances, or so much memory for each request."""
    deploy = context.settings.deploy
    if deploy.staging.type == "realtime":
        return {
            "instance_type": context.parameters.endpoint_instance_type,
            "instance_count": deploy.instance_count,
            **endpoint_protection(context.settings, deploy.instance_type),
        }
    ready = deploy.staging.provisioned_concurrency
    return {
        "memory_size_mb": staging_memory_mb(context.settings),
        "max_concurrency": deploy.staging.max_concurrency,
        **({} if ready is None else {"provisioned_concurrency": ready}),
    }
