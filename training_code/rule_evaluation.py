"""Evaluates debugger rules on a trial's saved tensors; one rule's error harms no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smdebug.exceptions import (
    RuleEvaluationConditionMet,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from smdebug.trials import create_trial

import debugger_rules
from debugger_rules import SavedTensorRule

RULES: tuple[type[SavedTensorRule], ...] = (
    debugger_rules.VanishingGradient,
    debugger_rules.ExplodingTensor,
    debugger_rules.Overfit,
    debugger_rules.Overtraining,
    debugger_rules.PoorWeightInitialization,
    debugger_rules.LossNotDecreasing,
    debugger_rules.DeadRelu,
    debugger_rules.SaturatedActivation,
    debugger_rules.UnchangedTensor,
    debugger_rules.ClassImbalance,
)
Parameters = Mapping[str, str | float | bool]
_NOTHING_THIS_STEP = (TensorUnavailableForStep, StepUnavailable, TensorUnavailable)


class UnknownRule(ValueError):
    """No rule has this name."""


class NoTensors(ValueError):
    """The folder holds no trial."""


@dataclass(frozen=True)
class RuleOutcome:
    """One rule's end; `status` is a RuleEvaluationStatus of SageMaker.

    `step` (counted over all modes, as smdebug does) and `tensor` are None unless it fired.
    """

    name: str
    status: Literal["NoIssuesFound", "IssuesFound", "Error"]
    step: int | None
    tensor: str | None
    message: str


def rule_names() -> list[str]:
    """The names that `evaluate_rules` knows."""
    return [rule.__name__ for rule in RULES]


def evaluate_rules(
    trial_folder: Path | str, names_with_parameters: Mapping[str, Parameters]
) -> list[RuleOutcome]:
    """Runs each rule over every step saved so far, until it fires; the outcomes in the order given.

    `trial_folder`: where the hook wrote, a folder or s3://. Also right for a training that still
    runs or was killed: it never waits for steps. Raises nothing for a rule's or a trial's fault:
    that is an outcome `Error` with the reason.
    """
    try:
        trial = _open_trial(str(trial_folder))
        steps = trial.steps()
    except Exception as error:  # no folder, broken index, no permission, ...
        return [_failed(name, error) for name in names_with_parameters]
    return [_evaluate(name, given, trial, steps) for name, given in names_with_parameters.items()]


def _open_trial(folder: str) -> Any:
    local = not folder.startswith("s3://")
    if local and not any(Path(folder).glob("collections/*/*_collections.json")):  # would wait
        raise NoTensors(f"no tensors were saved in {folder}: was the hook on in this training?")
    return create_trial(folder)


def _evaluate(name: str, given: Parameters, trial: Any, steps: Sequence[int]) -> RuleOutcome:
    try:
        rule = _create(name, given, trial)
        return _run(rule, steps)
    except Exception as error:  # a rule that fails must not take the others along
        return _failed(name, error)


def _create(name: str, given: Parameters, trial: Any) -> SavedTensorRule:
    classes: dict[str, Any] = {rule.__name__: rule for rule in RULES}
    if name not in classes:
        raise UnknownRule(f"there is no rule {name}; there are {', '.join(rule_names())}")
    rule: SavedTensorRule = classes[name](trial, **given)
    return rule


def _run(rule: SavedTensorRule, steps: Sequence[int]) -> RuleOutcome:
    try:
        for step in steps:
            try:
                rule.invoke(step)
            except _NOTHING_THIS_STEP:
                continue
        rule.finish(steps[-1] if steps else 0)
    except RuleEvaluationConditionMet as fired:
        text = f"{rule.fired_tensor} {rule.fired_because} at step {fired.step}"
        return RuleOutcome(rule.rule_name, "IssuesFound", fired.step, rule.fired_tensor, text)
    text = f"no issues in {len(steps)} saved steps"
    return RuleOutcome(rule.rule_name, "NoIssuesFound", None, None, text)


def _failed(name: str, error: Exception) -> RuleOutcome:
    reason = str(error) or "no reason given"
    return RuleOutcome(name, "Error", None, None, f"{type(error).__name__}: {reason}")
