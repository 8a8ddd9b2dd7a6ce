"""Build the ExtractFeatures step: one pass of the backbone over the pictures, for tuning."""

from typing import Any

from sagemaker.workflow.steps import ProcessingStep

from steps.jobs import (
    INPUT,
    OUTPUT,
    BuildContext,
    processing_output,
    processing_step,
    section_arguments,
)


def build_features_step(context: BuildContext, prepare: ProcessingStep) -> ProcessingStep:
    """Build the ExtractFeatures step; output: `features`.

    The weights, when there are any, come in as a file. All of the settings under `features` are
    options of the script. The test split comes in to be compared (`data.test_in_train`), and none
    of it goes out.
    """
    settings = context.settings
    arguments = {
        "dataset": f"{INPUT}/dataset",
        "features": f"{OUTPUT}/features",
        "backbone": settings.backbone.name,
        "backbone-seed": str(settings.backbone.seed),
        "crop": str(settings.preprocessing.crop),
        **section_arguments(settings.features),
    }
    inputs: dict[str, Any] = {"dataset": processing_output(prepare, "dataset")}
    if settings.data.test_in_train != "off":
        arguments["test"] = f"{INPUT}/test"
        inputs["test"] = processing_output(prepare, "test")
    if settings.data.test_in_train == "fail":
        arguments["test-in-train"] = "fail"
    if context.weights_uri is not None:
        arguments["weights"] = f"{INPUT}/weights"
        inputs["weights"] = context.weights_uri
    return processing_step(
        context,
        "ExtractFeatures",
        "features.py",
        arguments=arguments,
        inputs=inputs,
        outputs=("features",),
    )
