"""Compile settings and the tree's code into the pipeline definition, as SageMaker gets it.

Pure: no network, no credentials, no clock, no configuration of the machine. The same tree and
settings give the same bytes anywhere.
"""

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.assets.code_bundle import Bundles, bundles_of, monitoring_bundles_of
from pipeline.assets.decisions import decisions_uri
from pipeline.assets.packages import packages_uri
from pipeline.assets.serving_image import serving_image
from pipeline.assets.weights import weights_uri
from pipeline.settings.model import Settings

# Set while the SDK is imported and works: it reads configuration at import already.
_NEUTRAL = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
    "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
}


def compile_definition(settings: Settings, root: Path) -> dict[str, Any]:
    """Compile the pipeline definition; `root` is the repository that the code is read from.

    Raises UsageError when code, weights, decisions or an image for the settings are missing.
    """
    return _compile(settings, root, bundles_of(settings, root), _pipeline)


def compile_monitoring(settings: Settings, root: Path) -> dict[str, Any]:
    """Compile the monitoring pipeline's definition, likewise."""
    return _compile(settings, root, monitoring_bundles_of(settings, root), _monitoring)


def definition_json(settings: Settings, root: Path) -> str:
    """Compile the definition as text, one key a line, the same for the same settings and code."""
    return json.dumps(compile_definition(settings, root), indent=2) + "\n"


def monitoring_json(settings: Settings, root: Path) -> str:
    """Compile the monitoring pipeline's definition as text, likewise."""
    return json.dumps(compile_monitoring(settings, root), indent=2) + "\n"


def _compile(
    settings: Settings,
    root: Path,
    bundles: Bundles,
    make: Callable[[Any, Any], tuple[list[Any], list[Any]]],
) -> dict[str, Any]:
    """Compile a pipeline; `make` gives its parameters and steps from context and parameters."""
    weights, decisions = weights_uri(settings), decisions_uri(settings)
    with _on_no_machine():
        from sagemaker.workflow.pipeline import Pipeline
        from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig

        from steps.jobs import BuildContext
        from steps.parameters import build_parameters
        from steps.session import offline_session

        session = offline_session(settings.aws.region, settings.bucket)
        parameters = build_parameters(settings)
        image = serving_image(settings, root)
        context = BuildContext(
            *(settings, parameters, session, bundles, weights, decisions, image),
            packages_uri=packages_uri(settings, root),
        )
        declared, steps = make(context, parameters)
        pipeline = Pipeline(
            name=settings.project,
            parameters=declared,
            pipeline_experiment_config=None,
            steps=steps,
            sagemaker_session=session,
            # SageMaker names the jobs: a prefix of ours leaves 6 characters for a tuning job's.
            pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=False),
        )
        definition: dict[str, Any] = _without_nulls(json.loads(pipeline.definition()))
    return definition


def _pipeline(context: Any, parameters: Any) -> tuple[list[Any], list[Any]]:
    return parameters.all(), _build_steps(context)


def _monitoring(context: Any, _parameters: Any) -> tuple[list[Any], list[Any]]:
    from steps.monitor import FOLDER, build_monitor_steps, monitoring_settings
    from steps.parameters import build_parameters

    settings = monitoring_settings(context.settings)
    parameters = build_parameters(settings)
    context = replace(context, settings=settings, parameters=parameters, folder=FOLDER)
    return [parameters.processing_instance_type], build_monitor_steps(context)


def _build_steps(context: Any) -> list[Any]:
    from steps.champion import build_champion_step
    from steps.deploy import build_deploy_step
    from steps.evaluate import build_evaluate_step
    from steps.features import build_picture_steps
    from steps.gate import build_gate_step
    from steps.register import build_register_step
    from steps.tensors import build_tensors_step
    from steps.train import build_train_step
    from steps.tune import build_tune_step

    prepare, features = build_picture_steps(context)
    tune = build_tune_step(context, features)
    train = build_train_step(context, prepare, features, tune)
    champion = build_champion_step(context)
    evaluate = build_evaluate_step(context, prepare, train, champion)
    register = build_register_step(context, prepare, train, evaluate)
    deploy = build_deploy_step(context, register)
    tensors = build_tensors_step(context, train)
    deployed = [] if deploy is None else [deploy]
    gate = build_gate_step(context, evaluate, tensors, passed=[register, *deployed])
    found = [] if champion is None else [champion.step]
    judged = [] if tensors is None else [tensors]
    extracted = [] if features is prepare else [features]
    return [prepare, *extracted, tune, train, *found, evaluate, *judged, gate]


def _without_nulls(value: Any) -> Any:
    """Drop nulls: the SDK writes them for what was not given, SageMaker refuses some of them."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


@contextmanager
def _on_no_machine() -> Iterator[None]:
    """Hide this machine's AWS and SDK configuration, and the SDK's warnings, from the SDK."""
    loggers = [logging.getLogger(name) for name in ("sagemaker", "sagemaker.config")]
    before, levels = dict(os.environ), [logger.level for logger in loggers]
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(_NEUTRAL)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
