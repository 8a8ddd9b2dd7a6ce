"""Build the Train step: the final model with the best hyperparameters, watched by Debugger."""

from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.workflow.functions import Join
from sagemaker.workflow.steps import ProcessingStep, TrainingStep, TuningStep

from pipeline.assets.code_bundle import TRAIN
from pipeline.images.catalog import has_gpu
from pipeline.settings.drawing import drawn_table, is_in_parts
from pipeline.settings.model import Instance, Settings, TrainingInstance
from steps.debugger import debugger_hyperparameters, debugger_options, sort_collections
from steps.hyperparameters import (
    fine_tuning_hyperparameters,
    fixed_hyperparameters,
    hyperparameter,
    knowing_hyperparameters,
)
from steps.jobs import (
    BuildContext,
    cache_config,
    job_retries,
    processing_output,
    spot_options,
    training_job,
)
from steps.protection import brought_channels
from training_code.searching.settings_table import SETTINGS


def launch_hyperparameters(context: BuildContext, instance: Instance) -> dict[str, str]:
    """Return hyperparameters that start fine-tuning by torchrun: a process a GPU, or a machine.

    One machine without GPUs needs no launcher, and the head alone is trained by one process.
    """
    one_process = instance.count == 1 and not has_gpu(instance.type)
    if context.settings.training.fine_tune_blocks == 0 or one_process:
        return {}
    return {"sagemaker_torch_distributed_enabled": hyperparameter(True)}


def checkpoints_uri(tune: TuningStep) -> Join:
    """Return where Train's checkpoints lie: below the search whose hyperparameters it takes.

    The address is part of the cache key. One of this execution would be new in each, and Train
    never reused; the search's own stays while the search is reused. Executions that share it have a
    folder each in it (training_code/job/checkpoint_place.py).
    """
    found = tune.properties.TrainingJobDefinition.OutputDataConfig.S3OutputPath
    return Join(on="/", values=[found, "train-checkpoints/"])


def warm_pool(instance: TrainingInstance) -> dict[str, Any]:
    """Return the Estimator's options that keep the machine for the next run's training."""
    minutes = instance.keep_alive_minutes
    return {} if minutes is None else {"keep_alive_period_in_seconds": minutes * 60}


def _chosen(settings: Settings, tune: TuningStep) -> dict[str, Any]:
    """Return the best hyperparameters; of a search in parts all, of which the best trial tells."""
    if is_in_parts(settings.tuning):
        return {SETTINGS: drawn_table(settings)}
    best = tune.properties.BestTrainingJob.TunedHyperParameters
    return {name: best[name] for name, _ in settings.tuning.ranges.items()}


def _best_model(tune: TuningStep) -> Join:
    """Return the address of the best trial's model: also of a tuning that an earlier run did."""
    folder = tune.properties.TrainingJobDefinition.OutputDataConfig.S3OutputPath
    name = tune.properties.BestTrainingJob.TrainingJobName
    return Join(on="/", values=[folder, name, "output/model.tar.gz"])


class _StableTrainingStep(TrainingStep):
    """A training step with sorted debugger collections: the SDK keeps them in a set, unordered."""

    @property
    def arguments(self) -> Any:
        return sort_collections(super().arguments)


def build_train_step(
    context: BuildContext, prepare: ProcessingStep, features: ProcessingStep, tune: TuningStep
) -> TrainingStep:
    """Build the Train step, which makes the model artifact.

    It receives pictures to fine-tune the backbone, and to check the graph that will serve.
    """
    settings = context.settings
    training, instance = settings.training, settings.instances.training
    job = training_job(
        context,
        "Train",
        instance,
        code=TRAIN,
        instance_type=context.parameters.training_instance_type,
        max_run_minutes=training.max_run_minutes,
        hyperparameters={
            **fixed_hyperparameters(settings),
            **_chosen(settings, tune),
            **fine_tuning_hyperparameters(settings),
            "export": hyperparameter(True),
            "graph": hyperparameter(settings.serving.graph),
            "int8": hyperparameter(settings.serving.int8),
            "int8_tolerance": hyperparameter(settings.serving.int8_tolerance),
            **knowing_hyperparameters(settings),
            "profile": hyperparameter(settings.debugger.profile),
            **debugger_hyperparameters(settings),
            **launch_hyperparameters(context, instance),
        },
        **debugger_options(settings),
        **spot_options(instance.spot, checkpoints_uri(tune)),
        **warm_pool(instance),
    )
    channels = {"features": TrainingInput(processing_output(features, "features"))}
    if is_in_parts(settings.tuning):
        channels["best"] = TrainingInput(_best_model(tune))
    if training.fine_tune_blocks > 0 or settings.serving.graph != "none":
        channels["dataset"] = TrainingInput(processing_output(prepare, "dataset"))
    channels |= brought_channels(context.bundles[TRAIN], context.packages_uri)
    # Around fit() is one that reports to AWS that it was called.
    step_args = Estimator.fit.__wrapped__(job, channels)
    return _StableTrainingStep(
        name="Train",
        step_args=step_args,
        cache_config=cache_config(settings),
        retry_policies=job_retries(settings),
    )
