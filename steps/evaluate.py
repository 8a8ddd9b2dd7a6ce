"""Build the Evaluate step: test the model as it will be served, on the test split."""

from typing import Any

from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

from steps.champion import ChampionStep
from steps.jobs import (
    INPUT,
    OUTPUT,
    BuildContext,
    processing_output,
    processing_step,
)

EVALUATION_FILE = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")


def build_evaluate_step(
    context: BuildContext,
    prepare: ProcessingStep,
    train: TrainingStep,
    champion: ChampionStep | None,
) -> ProcessingStep:
    """Build the Evaluate step; output: `evaluation`, in SageMaker's model-quality layout.

    It runs in the image that will serve. A `champion` predicts the same pictures, by its own
    serving code.
    """
    arguments: dict[str, Any] = {
        "model": f"{INPUT}/model",
        "test": f"{INPUT}/test",
        "evaluation": f"{OUTPUT}/evaluation",
        "batch-size": str(context.settings.features.batch_size),
    }
    inputs: dict[str, Any] = {
        "model": train.properties.ModelArtifacts.S3ModelArtifacts,
        "test": processing_output(prepare, "test"),
    }
    if (asked := context.settings.gate.coverage_at) is not None:
        arguments["coverage-accuracy"] = str(asked.accuracy)
    if champion is not None:
        arguments["champion"] = f"{INPUT}/champion"
        arguments["champion-package"] = champion.model_package_arn
        inputs["champion"] = champion.model_data
    return processing_step(
        context,
        "Evaluate",
        "evaluate.py",
        arguments=arguments,
        inputs=inputs,
        outputs=("evaluation",),
        property_file=EVALUATION_FILE,
        image=context.serving_image,
    )
