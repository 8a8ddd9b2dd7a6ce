"""Build the Tune step: search hyperparameters on cached features, by validation metrics."""

from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.parameter import (
    CategoricalParameter,
    ContinuousParameter,
    IntegerParameter,
)
from sagemaker.tuner import HyperbandStrategyConfig, HyperparameterTuner, StrategyConfig
from sagemaker.workflow.steps import ProcessingStep, TuningStep

from pipeline.assets.code_bundle import TRIALS
from pipeline.job_scripts.metrics import metric_definitions, objective_type
from pipeline.settings.drawing import drawn_parts, is_in_parts
from pipeline.settings.model import CategoricalRange, IntegerRange, Range, Settings
from steps.hyperparameters import fixed_hyperparameters, hyperparameter, search_hyperparameters
from steps.jobs import (
    BuildContext,
    cache_config,
    job_retries,
    output_uri,
    processing_output,
    spot_options,
    training_job,
)
from steps.protection import brought_channels
from training_code.searching.settings_table import PART


def build_tune_step(context: BuildContext, features: ProcessingStep) -> TuningStep:
    """Build the Tune step, whose best hyperparameters go to Train.

    Trials write no model (export=false). Where each searches several settings, drawn beforehand,
    the tuner deals out the parts, each once, and does not compare them before their end.
    """
    settings = context.settings
    tuning, instance = settings.tuning, settings.instances.tuning
    trial = training_job(
        context,
        "Tune",
        instance,
        code=TRIALS,
        instance_type=instance.type,
        max_run_minutes=tuning.max_run_minutes,
        hyperparameters={
            **fixed_hyperparameters(settings),
            "fine_tune_blocks": "0",
            "export": hyperparameter(False),
            **search_hyperparameters(settings),
        },
        debugger_hook_config=False,
        # Each trial has a folder of its own there: training_code/job/checkpoint_place.py.
        **spot_options(tuning.spot, output_uri(context, "Tune", "checkpoints/")),
    )
    in_parts = is_in_parts(tuning)
    strategy = "Grid" if in_parts else tuning.strategy
    stops = tuning.early_stopping and not in_parts
    ranges: Any = _parts(settings) if in_parts else _ranges(settings)
    # Grid tries every combination: SageMaker counts them itself.
    max_jobs: Any = None if strategy == "Grid" else context.parameters.tuning_max_jobs
    tuner = HyperparameterTuner(
        trial,
        objective_metric_name=tuning.objective,
        objective_type=objective_type(tuning.objective),
        hyperparameter_ranges=ranges,
        metric_definitions=metric_definitions(in_parts=in_parts),
        strategy=strategy,
        strategy_config=_strategy_config(settings),
        max_jobs=max_jobs,
        max_parallel_jobs=context.parameters.tuning_max_parallel_jobs,
        early_stopping_type="Auto" if stops else "Off",
        random_seed=tuning.seed,
        tags=context.tags,
    )
    channels = {
        "features": TrainingInput(processing_output(features, "features")),
        **brought_channels(context.bundles[TRIALS], context.packages_uri),
    }
    return TuningStep(
        name="Tune",
        step_args=tuner.fit(channels),
        cache_config=cache_config(settings),
        retry_policies=job_retries(settings),
    )


def _ranges(settings: Settings) -> dict[str, Any]:
    return {name: _range(values) for name, values in settings.tuning.ranges.items()}


def _parts(settings: Settings) -> dict[str, Any]:
    one_of: Any = CategoricalParameter
    return {PART: one_of(drawn_parts(settings))}


def _range(values: Range) -> Any:
    if isinstance(values, CategoricalRange):
        one_of: Any = CategoricalParameter
        return one_of([hyperparameter(value) for value in values.values])
    kind = IntegerParameter if isinstance(values, IntegerRange) else ContinuousParameter
    return kind(values.min, values.max, values.scaling)


def _strategy_config(settings: Settings) -> StrategyConfig | None:
    if settings.tuning.strategy != "Hyperband":
        return None
    epochs = HyperbandStrategyConfig(max_resource=settings.training.epochs, min_resource=1)
    return StrategyConfig(epochs)
