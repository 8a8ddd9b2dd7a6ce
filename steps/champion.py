"""Build the FindChampion step: the approved model that a new one must not be worse than."""

from dataclasses import dataclass
from typing import Any

from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from pipeline.assets.code_bundle import NO_CHAMPION
from steps.jobs import BuildContext

OUTPUTS = ("model_data", "model_package_arn")
CAPTURED = "captured"  # an output too, where captured requests are asked about


@dataclass(frozen=True)
class ChampionStep:
    """The FindChampion step and its outputs: a model's or marker folder's address, and an ARN."""

    step: LambdaStep

    @property
    def model_data(self) -> Any:
        """The address of the champion's model.tar.gz, or of a folder that says there is none."""
        return self.step.properties.Outputs["model_data"]

    @property
    def model_package_arn(self) -> Any:
        """The ARN of the champion's version, or "none"."""
        return self.step.properties.Outputs["model_package_arn"]

    @property
    def captured(self) -> Any:
        """Whether requests were captured, "true" or "false"; for `captured_uri` only."""
        return self.step.properties.Outputs[CAPTURED]


def build_champion_step(context: BuildContext) -> ChampionStep | None:
    """Build the FindChampion step; None when gate.champion_tolerance is null.

    It needs no other step, so that a missing permission shows before hours of training.
    """
    return None if context.settings.gate.champion_tolerance is None else find_champion(context)


def find_champion(context: BuildContext, captured_uri: str = "") -> ChampionStep:
    """Build the FindChampion step. It is never cached: approvals change without the pipeline.

    With `captured_uri` it also says whether anything lies there.
    """
    settings = context.settings
    asked = {"captured_uri": captured_uri} if captured_uri else {}
    names = (*OUTPUTS, CAPTURED) if captured_uri else OUTPUTS
    step = LambdaStep(
        name="FindChampion",
        lambda_func=Lambda(function_arn=settings.champion_lambda_arn, session=context.session),
        inputs={
            "model_package_group": settings.model_package_group,
            "no_champion_uri": context.bundles[NO_CHAMPION].uri,
            "production_endpoint": settings.production_endpoint_name,
            **asked,
        },
        outputs=[
            LambdaOutput(output_name=name, output_type=LambdaOutputTypeEnum.String)
            for name in names
        ],
    )
    return ChampionStep(step)
