"""Evaluate: the model on the test split, through the very functions that serve it."""

from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

from steps.jobs import INPUT, OUTPUT, Context, processing_output, processing_step

EVALUATION_FILE = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")


def build_evaluate_step(
    context: Context, prepare: ProcessingStep, train: TrainingStep
) -> ProcessingStep:
    """Output: `evaluation`, in SageMaker's model-quality layout."""
    return processing_step(
        context,
        "Evaluate",
        "evaluate.py",
        arguments={
            "model": f"{INPUT}/model",
            "test": f"{INPUT}/test",
            "evaluation": f"{OUTPUT}/evaluation",
            "batch-size": str(context.settings.features.batch_size),
        },
        inputs={
            "model": train.properties.ModelArtifacts.S3ModelArtifacts,
            "test": processing_output(prepare, "test"),
        },
        outputs=("evaluation",),
        property_file=EVALUATION_FILE,
    )
