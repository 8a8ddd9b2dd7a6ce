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
from steps.prepare import (
    DATASET_FILE,
    PREPARE,
    PREPARED,
    build_prepare_step,
    prepare_arguments,
    prepare_inputs,
)

FEATURES = "features"


def build_picture_steps(context: BuildContext) -> tuple[ProcessingStep, ProcessingStep]:
    """Build the steps that have `dataset` and `test`, and `features`: one step, if asked for."""
    if context.settings.features.with_prepare:
        both = _build_both(context)
        return both, both
    prepare = build_prepare_step(context)
    return prepare, build_features_step(context, prepare)


def build_features_step(context: BuildContext, prepare: ProcessingStep) -> ProcessingStep:
    """Build the ExtractFeatures step; output: `features`.

    The weights, when there are any, come in as a file. All of the settings under `features` that
    are about the pass are options of the script. The test split comes in to be compared
    (`data.test_in_train`), and none of it goes out.
    """
    arguments = _arguments(context, f"{INPUT}/dataset")
    inputs: dict[str, Any] = {"dataset": processing_output(prepare, "dataset")}
    if context.settings.data.test_in_train != "off":
        arguments["test"] = f"{INPUT}/test"
        inputs["test"] = processing_output(prepare, "test")
    if context.settings.data.test_in_train == "fail":
        arguments["test-in-train"] = "fail"
    return processing_step(
        context,
        "ExtractFeatures",
        "features.py",
        arguments=arguments | _weights(context)[0],
        inputs=inputs | _weights(context)[1],
        outputs=(FEATURES,),
    )


def _build_both(context: BuildContext) -> ProcessingStep:
    """Build a Prepare step that extracts the features as well, from what it has just written."""
    arguments = prepare_arguments(context)
    told, inputs = _weights(context)
    looked_for = context.settings.data.test_in_train
    return processing_step(
        context,
        PREPARE,
        "prepare_features.py",
        arguments={
            **arguments,
            **_arguments(context, arguments["dataset"]),
            **({} if looked_for == "warn" else {"test-in-train": looked_for}),
            **told,
        },
        inputs=prepare_inputs(context) | inputs,
        outputs=(*PREPARED, FEATURES),
        property_file=DATASET_FILE,
    )


def _arguments(context: BuildContext, dataset: str) -> dict[str, str]:
    settings = context.settings
    return {
        "dataset": dataset,
        "features": f"{OUTPUT}/{FEATURES}",
        "backbone": settings.backbone.name,
        "backbone-seed": str(settings.backbone.seed),
        "crop": str(settings.preprocessing.crop),
        **section_arguments(settings.features.of_the_pass()),
    }


def _weights(context: BuildContext) -> tuple[dict[str, str], dict[str, str]]:
    """Return the argument and the input of the weights; none where they are drawn."""
    if context.weights_uri is None:
        return {}, {}
    return {"weights": f"{INPUT}/weights"}, {"weights": context.weights_uri}
