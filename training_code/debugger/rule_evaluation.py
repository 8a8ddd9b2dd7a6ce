"""Evaluate debugger rules on a trial's saved tensors; one rule's error harms no other."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smdebug.analysis.utils import no_refresh
from smdebug.exceptions import (
    RuleEvaluationConditionMet,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from smdebug.trials import create_trial

from debugger.rules import RULES
from debugger.rules.base import SavedTensorRule

Parameters = Mapping[str, str | float | bool]
_NOTHING_THIS_STEP = (TensorUnavailableForStep, StepUnavailable, TensorUnavailable)


class UnknownRule(ValueError):
    """No debugger rule has this name."""


class NoTensors(ValueError):
    """The folder holds no saved tensors."""


@dataclass(frozen=True)
class RuleOutcome:
    """One rule's outcome; `status` is a RuleEvaluationStatus of SageMaker.

    `step` (counted over all modes, as smdebug does) and `tensor` are None unless it fired.
    """

    name: str
    status: Literal["NoIssuesFound", "IssuesFound", "Error", "Stopped"]
    step: int | None
    tensor: str | None
    message: str


class RunningRule:
    """One rule on its way through a trial's steps; its outcome stands once it fired or failed."""

    def __init__(self, name: str, parameters: Parameters) -> None:
        self.name = name
        self.outcome: RuleOutcome | None = None
        self._parameters = parameters
        self._rule: SavedTensorRule | None = None
        self._seen = -1
        self._steps = 0

    def advance(self, trial: Any, steps: Sequence[int]) -> None:
        """Judge the steps that are new; raise nothing."""
        new = [step for step in steps if step > self._seen]
        self._attempt(lambda rule: self._judge(rule, new, trial), trial)

    def finish(self, trial: Any) -> RuleOutcome:
        """Judge what can only be judged when the trial has ended, and return the outcome."""
        self._attempt(lambda rule: rule.finish(max(self._seen, 0)), trial)
        if self.outcome is None:
            text = f"no issues in {self._steps} saved steps"
            self.outcome = RuleOutcome(self.name, "NoIssuesFound", None, None, text)
        return self.outcome

    def stop(self) -> RuleOutcome:
        """Set the outcome to `Stopped`, unless there is one already, and return it."""
        if self.outcome is None:
            text = f"stopped with the training, after {self._steps} saved steps without an issue"
            self.outcome = RuleOutcome(self.name, "Stopped", None, None, text)
        return self.outcome

    def fail(self, error: Exception) -> RuleOutcome:
        """Set the outcome to `Error`, unless there is one already, and return it."""
        if self.outcome is None:
            reason = f"{type(error).__name__}: {str(error) or 'no reason given'}"
            self.outcome = RuleOutcome(self.name, "Error", None, None, reason)
        return self.outcome

    def _attempt(self, action: Any, trial: Any) -> None:
        if self.outcome is not None:
            return
        try:
            if self._rule is None:
                self._rule = _create(self.name, self._parameters, trial)
            action(self._rule)
        except RuleEvaluationConditionMet as fired:
            rule = self._rule
            tensor, because = (rule.fired_tensor, rule.fired_because) if rule else (None, "")
            text = f"{tensor} {because} at step {fired.step}"
            self.outcome = RuleOutcome(self.name, "IssuesFound", fired.step, tensor, text)
        except Exception as error:  # a rule that fails must not take the others along
            self.fail(error)

    def _judge(self, rule: SavedTensorRule, steps: Sequence[int], trial: Any) -> None:
        """Judge saved steps without Rule.invoke, which would look for new files at every step."""
        for step in steps:
            self._seen, self._steps = step, self._steps + 1
            try:
                with no_refresh([trial]):
                    fired = rule.invoke_at_step(step)
            except _NOTHING_THIS_STEP:
                continue
            if fired:
                raise RuleEvaluationConditionMet(rule.rule_name, step)


class RuleSet:
    """Rules on one trial, which may still be growing: each saved step is judged once."""

    def __init__(self, folder: Path | str, names_with_parameters: Mapping[str, Parameters]) -> None:
        """Take `folder`, where the hook writes: a folder or s3://, which need not exist yet."""
        self._folder = str(folder)
        self._rules = [RunningRule(*item) for item in names_with_parameters.items()]
        self._trial: Any = None

    def advance(self) -> list[RuleOutcome]:
        """Judge newly saved steps without waiting; return outcomes of rules that fired or failed.

        Nothing saved yet is no error. Raises nothing for a rule's or the trial's fault.
        """
        if all(rule.outcome is not None for rule in self._rules):  # or there are none
            return [rule.outcome for rule in self._rules if rule.outcome is not None]
        try:
            self._trial = self._trial or _open_trial(self._folder)
            steps = self._trial.steps()
        except NoTensors:
            return []
        except Exception as error:  # broken index, no permission, ...
            return [rule.fail(error) for rule in self._rules]
        for rule in self._rules:
            rule.advance(self._trial, steps)
        return [rule.outcome for rule in self._rules if rule.outcome is not None]

    def finish(self, lost: Exception | None = None) -> list[RuleOutcome]:
        """Judge what is left of an ended trial; return every rule's outcome, in the order given.

        `lost` is why saving ended before the training did: then rules that found nothing cannot
        say that there was nothing.
        """
        self.advance()
        if lost is not None:
            return [rule.fail(lost) for rule in self._rules]
        if self._trial is None:
            error = NoTensors(
                f"no tensors were saved in {self._folder}: was the hook on in this training?"
            )
            return [rule.fail(error) for rule in self._rules]
        return [rule.finish(self._trial) for rule in self._rules]

    def stop(self) -> list[RuleOutcome]:
        """Return outcomes after training stopped: `Stopped` for rules that had found nothing."""
        return [rule.stop() for rule in self._rules]


def evaluate_rules(
    trial_folder: Path | str,
    names_with_parameters: Mapping[str, Parameters],
    lost: Exception | None = None,
) -> list[RuleOutcome]:
    """Run each rule over all saved steps until it fires; return outcomes in the order given.

    `trial_folder`: where the hook wrote, a folder or s3://. Also right for a training that still
    runs or was killed: it never waits for steps. Raises nothing for a rule's or a trial's fault:
    that is an outcome `Error` with the reason. `lost`: as in RuleSet.finish.
    """
    return RuleSet(trial_folder, names_with_parameters).finish(lost)


def _open_trial(folder: str) -> Any:
    # smdebug would wait a second for last files after the training's end: none come late here.
    os.environ.setdefault("SMDEBUG_TRAINING_END_DELAY_REFRESH", "0")
    # And minutes for a file that its index names: the index is written after it.
    os.environ.setdefault("SMDEBUG_MISSING_EVENT_FILE_RETRY_LIMIT", "1")
    local = not folder.startswith("s3://")
    if local and not any(Path(folder).glob("collections/*/*_collections.json")):  # would wait
        raise NoTensors(folder)
    return create_trial(folder)


def _create(name: str, given: Parameters, trial: Any) -> SavedTensorRule:
    if name not in RULES:
        raise UnknownRule(f"there is no rule {name}; there are {', '.join(RULES)}")
    create: Any = RULES[name]  # each takes parameters of its own
    rule: SavedTensorRule = create(trial, **given)
    return rule
