"""Build the Prepare step: check, resize and split the pictures into few large files."""

from typing import Any

from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep

from steps.jobs import INPUT, OUTPUT, BuildContext, processing_step
from training_code.folders.layout import AUTO

PREPARE = "Prepare"
PREPARED = ("dataset", "test")
DATASET_FILE = PropertyFile(name="Dataset", output_name="dataset", path="dataset.json")


def build_prepare_step(context: BuildContext) -> ProcessingStep:
    """Build the Prepare step; outputs: `dataset` (train and valid), and `test`.

    What people decided about single pictures comes in as a file, when there is one. Training never
    gets `test`: ExtractFeatures compares it, Evaluate measures on it.
    """
    return processing_step(
        context,
        PREPARE,
        "prepare.py",
        arguments=prepare_arguments(context),
        inputs=prepare_inputs(context),
        outputs=PREPARED,
        property_file=DATASET_FILE,
    )


def prepare_arguments(context: BuildContext) -> dict[str, str]:
    """Return what prepare.py is told."""
    settings, decisions = context.settings, context.decisions_uri
    split, layout = settings.data.split, settings.data.layout
    return {
        "data": f"{INPUT}/data",
        "dataset": f"{OUTPUT}/dataset",
        "test": f"{OUTPUT}/test",
        "resize": str(settings.preprocessing.resize),
        "split": f"{split.train},{split.valid},{split.test}",
        "seed": str(settings.data.seed),
        **({} if layout == AUTO else {"layout": layout}),
        **({} if decisions is None else {"decisions": f"{INPUT}/decisions"}),
    }


def prepare_inputs(context: BuildContext) -> dict[str, Any]:
    """Return what prepare.py reads."""
    decisions = context.decisions_uri
    return {
        "data": context.parameters.data_uri,
        **({} if decisions is None else {"decisions": decisions}),
    }
