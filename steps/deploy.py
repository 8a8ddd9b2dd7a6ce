"""Build the Deploy step: the Lambda that brings a model package to an endpoint."""

from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from steps.jobs import BuildContext
from steps.protection import endpoint_protection
from steps.register import RegisterStep

# `action`: created, updated or unchanged; waiting or superseded while other runs deploy.
OUTPUTS = ("endpoint_name", "endpoint_config_name", "model_name", "action")


def build_deploy_step(context: BuildContext, register: RegisterStep) -> LambdaStep:
    """Build the Deploy step, which calls the function by its ARN.

    Publishing the function's code is not the definition's work.
    """
    settings, parameters = context.settings, context.parameters
    return LambdaStep(
        name="Deploy",
        lambda_func=Lambda(function_arn=settings.lambda_arn, session=context.session),
        inputs={
            "model_package_arn": register.properties.ModelPackageArn,
            "endpoint_name": parameters.endpoint_name,
            "instance_type": parameters.endpoint_instance_type,
            "instance_count": settings.deploy.instance_count,
            "role_arn": settings.serving_role_arn,
            **endpoint_protection(settings, settings.deploy.instance_type),
        },
        outputs=[
            LambdaOutput(output_name=name, output_type=LambdaOutputTypeEnum.String)
            for name in OUTPUTS
        ],
    )
