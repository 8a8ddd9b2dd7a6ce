"""Build the monitoring pipeline's steps: find what production runs, then look at its pictures.

A pipeline of its own, started by a schedule (infra/template.yaml): the other one is started by
people and pushes.
"""

from typing import Any

from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionEquals, ConditionNot
from sagemaker.workflow.steps import ProcessingStep, Step

from pipeline.addresses import folder_uri
from pipeline.assets.code_bundle import MONITOR
from pipeline.settings.model import ProcessingInstance, Settings
from steps.champion import ChampionStep, find_champion
from steps.jobs import INPUT, OUTPUT, BuildContext, processing_step

FOLDER = "monitoring"
"""The folder of the bucket that this pipeline's jobs write to: no model lies there."""
_NO_VERSION = "none"  # what FindChampion answers before anything is approved


def monitoring_settings(settings: Settings) -> Settings:
    """Return the settings as the monitoring pipeline's steps see them.

    Its role and machine are others than those of a run's jobs, and nothing is ever taken from the
    cache: the addresses are the same every time, and the pictures are not.
    """
    monitor = settings.monitor
    machine = ProcessingInstance(
        type=monitor.instance_type,
        count=1,
        volume_gb=monitor.volume_gb,
        max_run_minutes=monitor.max_run_minutes,
    )
    return settings.model_copy(
        update={
            "aws": settings.aws.model_copy(update={"jobs_role_arn": settings.monitor_role_arn}),
            "instances": settings.instances.model_copy(update={"processing": machine}),
            "caching": settings.caching.model_copy(update={"enabled": False}),
        }
    )


def build_monitor_steps(context: BuildContext) -> list[Step]:
    """Build the steps; where nothing is approved or captured yet, that is no failure."""
    champion = find_champion(context, folder_uri(context.settings.capture_uri))
    gate = ConditionStep(
        name="AnythingToSee",
        conditions=[
            ConditionNot(ConditionEquals(left=champion.model_package_arn, right=_NO_VERSION)),
            ConditionEquals(left=champion.captured, right="true"),
        ],
        if_steps=[build_monitor_step(context, champion)],
        else_steps=[],
    )
    return [champion.step, gate]


def build_monitor_step(context: BuildContext, champion: ChampionStep) -> ProcessingStep:
    """Build the Monitor step; output: `monitoring`, what changed and the most unusual pictures.

    It runs in the image that serves, through the model's own code.
    """
    settings = context.settings
    endpoint = settings.production_endpoint_name
    arguments: dict[str, Any] = {
        "model": f"{INPUT}/model",
        "captured": f"{INPUT}/captured",
        "monitoring": f"{OUTPUT}/monitoring",
        "pictures": str(settings.monitor.max_pictures),
        "false-alarms": str(settings.monitor.false_alarms),
        "batch-size": str(settings.features.batch_size),
        "metrics-of": endpoint,
    }
    return processing_step(
        context,
        "Monitor",
        MONITOR,
        arguments=arguments,
        inputs={"model": champion.model_data, "captured": folder_uri(settings.capture_uri)},
        outputs=("monitoring",),
        image=context.serving_image,
    )
