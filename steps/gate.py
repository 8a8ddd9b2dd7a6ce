"""Gate: only a model that is good enough on the test split is registered and deployed."""

from typing import Any

from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.step_collections import StepCollection
from sagemaker.workflow.steps import ProcessingStep, Step

from steps.evaluate import EVALUATION_FILE
from steps.jobs import Context

ACCURACY = "multiclass_classification_metrics.accuracy.value"


def build_gate_step(
    context: Context, evaluate: ProcessingStep, passed: list[Step | StepCollection]
) -> ConditionStep:
    """`passed` are the steps behind the gate; else the execution fails and says both numbers."""
    accuracy: Any = JsonGet(
        step_name=evaluate.name, property_file=EVALUATION_FILE, json_path=ACCURACY
    )
    threshold: Any = context.parameters.accuracy_threshold
    message = Join(
        on=" ",
        values=["Test accuracy", accuracy, "is below the threshold", threshold.to_string()],
    )
    return ConditionStep(
        name="Gate",
        conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=threshold)],
        if_steps=passed,
        else_steps=[FailStep(name="AccuracyTooLow", error_message=message)],
    )
