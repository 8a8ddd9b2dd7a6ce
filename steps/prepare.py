"""Build the Prepare step: check, resize and split the pictures into few large files."""

from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep

from steps.jobs import INPUT, OUTPUT, BuildContext, processing_step
from training_code.folders.layout import AUTO

DATASET_FILE = PropertyFile(name="Dataset", output_name="dataset", path="dataset.json")


def build_prepare_step(context: BuildContext) -> ProcessingStep:
    """Build the Prepare step; outputs: `dataset` (train and valid), and `test`.

    What people decided about single pictures comes in as a file, when there is one. Training never
    gets `test`: ExtractFeatures compares it, Evaluate measures on it.
    """
    settings, decisions = context.settings, context.decisions_uri
    split, layout = settings.data.split, settings.data.layout
    return processing_step(
        context,
        "Prepare",
        "prepare.py",
        arguments={
            "data": f"{INPUT}/data",
            "dataset": f"{OUTPUT}/dataset",
            "test": f"{OUTPUT}/test",
            "resize": str(settings.preprocessing.resize),
            "split": f"{split.train},{split.valid},{split.test}",
            "seed": str(settings.data.seed),
            **({} if layout == AUTO else {"layout": layout}),
            **({} if decisions is None else {"decisions": f"{INPUT}/decisions"}),
        },
        inputs={
            "data": context.parameters.data_uri,
            **({} if decisions is None else {"decisions": decisions}),
        },
        outputs=("dataset", "test"),
        property_file=DATASET_FILE,
    )
