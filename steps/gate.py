"""Build the Gate step: only a model good enough on the test split is registered and deployed."""

from typing import Any

from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    Condition,
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.step_collections import StepCollection
from sagemaker.workflow.steps import ProcessingStep, Step

from steps.evaluate import EVALUATION_FILE
from steps.jobs import BuildContext
from steps.tensors import FINDINGS_FILE

ACCURACY = "multiclass_classification_metrics.accuracy.value"
COVERAGE = "coverage.at.coverage"
SHORTFALL = "champion.shortfall"
CHAMPION = "champion.summary"
ISSUES = "issues_found"
FOUND = "summary"
WHAT_TO_TRY = "What to try: python -m pipeline.report, and docs/better-accuracy.md"


def build_gate_step(
    context: BuildContext,
    evaluate: ProcessingStep,
    tensors: ProcessingStep | None,
    passed: list[Step | StepCollection],
) -> ConditionStep:
    """Build the Gate step: the steps in `passed` run when every condition holds.

    The accuracy must reach the threshold, and that of gate.coverage_at on a large enough share of
    the pictures; where models are compared it must not fall short of the champion's by more than
    the tolerance; the debugger rules of `tensors` must have found no issue. Else the execution
    fails with a message that says of each condition what was asked and what was found:
    SageMaker's functions cannot tell which of them failed.
    """
    accuracy = _measured(evaluate, ACCURACY)
    threshold: Any = context.parameters.accuracy_threshold
    conditions: list[Condition] = [ConditionGreaterThanOrEqualTo(left=accuracy, right=threshold)]
    message = ["The gate asks for a test accuracy of ", threshold.to_string(), " or more"]
    message += [", and it is ", accuracy]
    asked = context.settings.gate.coverage_at
    least: Any = context.parameters.coverage_minimum
    if asked is not None and least is not None:
        covered = _measured(evaluate, COVERAGE)
        conditions.append(ConditionGreaterThanOrEqualTo(left=covered, right=least))
        message += [f"; for an accuracy of {asked.accuracy:g} on the surest ", least.to_string()]
        message += [" of the pictures (1: all), and it has that on ", covered]
    tolerance: Any = context.parameters.champion_tolerance
    if tolerance is not None:
        shortfall = _measured(evaluate, SHORTFALL)
        conditions.append(ConditionLessThanOrEqualTo(left=shortfall, right=tolerance))
        message += ["; for at most ", tolerance.to_string(), " less than the champion's"]
        message += [", and it is ", shortfall, " less: ", _measured(evaluate, CHAMPION)]
    if tensors is not None:
        issues, found = (_found(tensors, path) for path in (ISSUES, FOUND))
        conditions.append(ConditionLessThanOrEqualTo(left=issues, right=0))
        message += ["; for no issues of debugger rules, and they say: ", found]
    message.append(f". {WHAT_TO_TRY}")
    return ConditionStep(
        name="Gate",
        conditions=conditions,
        if_steps=passed,
        else_steps=[FailStep(name="AccuracyTooLow", error_message=Join(on="", values=message))],
    )


def _measured(evaluate: ProcessingStep, path: str) -> Any:
    """Return a reference to what Evaluate wrote at a path of evaluation.json."""
    return JsonGet(step_name=evaluate.name, property_file=EVALUATION_FILE, json_path=path)


def _found(tensors: ProcessingStep, path: str) -> Any:
    """Return a reference to what CheckTensors wrote at a path of findings.json."""
    return JsonGet(step_name=tensors.name, property_file=FINDINGS_FILE, json_path=path)
