"""Build the CheckTensors step: debugger rules on the final training's tensors, for the gate."""

from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

from steps.debugger import rules_text, tensors_of
from steps.jobs import INPUT, OUTPUT, BuildContext, processing_step

FINDINGS_FILE = PropertyFile(name="Findings", output_name="findings", path="findings.json")


def build_tensors_step(context: BuildContext, train: TrainingStep) -> ProcessingStep | None:
    """Build the CheckTensors step; None when the gate asks no rule (gate.no_issues_from).

    A step of its own: it needs what training needs, and Evaluate has only what serving needs.
    """
    settings = context.settings
    if not settings.gate.no_issues_from:
        return None
    return processing_step(
        context,
        "CheckTensors",
        "check_tensors.py",
        arguments={
            "tensors": f"{INPUT}/tensors",
            "rules": rules_text(settings.debugger.chosen(settings.gate.no_issues_from)),
            "findings": f"{OUTPUT}/findings",
        },
        inputs={"tensors": tensors_of(settings, train)},
        outputs=("findings",),
        property_file=FINDINGS_FILE,
    )
