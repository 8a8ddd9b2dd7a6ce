"""Find tensors and losses for debugger rules, and keep what fired.

Parameters of rules may be strings, as the service passes them.
"""

import re
from abc import abstractmethod
from typing import Any

import numpy as np
from smdebug import modes
from smdebug.exceptions import (
    InsufficientInformationForRuleInvocation,
    NoMoreData,
    RuleEvaluationConditionMet,
    TensorUnavailableForStep,
)
from smdebug.rules.rule import Rule

Number = Any  # int, float or a string of one
GRADIENTS = "gradients"
LOSSES = "losses"


def to_flag(value: Any) -> bool:
    """Return whether a parameter is true, 1 or yes, in any case."""
    return str(value).strip().lower() in ("true", "1", "yes")


def to_list(value: Any) -> list[str]:
    """Return a list from a list or from a string with commas, as AWS takes both."""
    parts = str(value or "").split(",") if not isinstance(value, (list, tuple)) else value
    return [str(part).strip() for part in parts if str(part).strip()]


def inactive_percent(active: Any, threshold_inactivity: float) -> float:
    """Return % of units (axis 1 of (N, units, ...)) active in less than threshold % of places."""
    flat = active.reshape(active.shape[0], active.shape[1], -1) if active.ndim > 1 else active
    activity = 100 * flat.mean(axis=(0, 2)) if active.ndim > 1 else 100 * flat
    return float(100 * np.mean(activity < threshold_inactivity))


class SavedTensorRule(Rule):  # type: ignore[misc]
    """Base of all rules here: finds tensors, tells what fired and what was never saved."""

    needs: tuple[str, ...] = ()  # must be saved at least once for the rule to judge anything
    settings: tuple[str, ...] = ()  # of pipeline.yaml, to try when the rule fires
    remedy = ""  # what to do instead, where no setting mends it
    collection: tuple[str, str] | None = None  # (name, pattern): saved for this rule as well

    def __init__(self, base_trial: Any, action_json: str = "") -> None:
        super().__init__(base_trial, action_str=action_json)
        self.fired_tensor: str | None = None
        self.fired_because = ""
        self._absent = list(self.needs)

    def invoke(self, step: int) -> None:
        """Judge this global step, and at the trial's end what can only be judged there.

        Raises RuleEvaluationConditionMet when the rule fires, and
        InsufficientInformationForRuleInvocation when the trial ended without what it needs.
        """
        try:
            super().invoke(step)
        except NoMoreData as end:
            self.finish(end.last_step)
            raise

    def finish(self, last_step: int) -> None:
        """Judge what is left after the last step; raise what `invoke` raises."""
        if self.judge_end():
            self._actions.invoke()
            raise RuleEvaluationConditionMet(self.rule_name, last_step)
        if self._absent:
            missing = " and ".join(self._absent)
            text = f"the trial has no {missing}: add them to the hook's collections"
            raise InsufficientInformationForRuleInvocation(self.rule_name, text)

    def judge_end(self) -> bool:
        """Check whether the rule fires now that the trial has ended."""
        return False

    def names(self, step: int, collections: Any = None, regex: Any = None) -> list[str]:
        """Return this step's tensors in any of the collections or matching a pattern, sorted."""
        known = self.base_trial.collections()
        chosen = [known[name] for name in to_list(collections) if name in known]
        listed = {tensor for one in chosen for tensor in one.tensor_names}
        patterns = to_list(regex) + [pattern for one in chosen for pattern in one.include_regex]
        saved = self.base_trial.tensor_names(step=step)
        return [
            name
            for name in saved
            if name in listed or any(re.search(pattern, name) for pattern in patterns)
        ]

    def value(self, name: str, step: int) -> Any:
        """Return the tensor as an array, or None when only reductions of it were saved."""
        try:
            return np.asarray(self.base_trial.tensor(name).value(step))
        except TensorUnavailableForStep:
            return None

    def is_training(self, step: int) -> bool:
        """Check whether this step is one of training, or of a training that sets no modes."""
        return self.base_trial.mode(step) in (modes.TRAIN, modes.GLOBAL)

    def loss(self, step: int, collections: str = LOSSES, regex: Any = None) -> Any:
        """Return (name, value) of the first scalar loss of this step; (None, nan) without one."""
        for name in self.names(step, collections, regex):
            value = self.value(name, step)
            if value is not None and value.size == 1:
                return name, float(value.reshape(()))
        return None, float("nan")

    def saw(self, need: str) -> None:
        """Note that one of `needs` was saved."""
        if need in self._absent:
            self._absent.remove(need)

    def fire(self, tensor: str, because: str) -> bool:
        """Keep which tensor fired and why; always return True."""
        self.fired_tensor, self.fired_because = tensor, because
        self.logger.info("%s: %s %s", self.rule_name, tensor, because)
        return True


class PhaseLossRule(SavedTensorRule):
    """Reads losses a phase at a time: the mean over successive saved steps of one mode.

    A "step" of AWS's parameters is one phase, an epoch's training or one validation: single batches
    say little, and those of one validation see the same weights.
    """

    needs = ("TRAIN losses", "EVAL losses")
    regex: Any = None

    def __init__(self, base_trial: Any, action_json: str = "") -> None:
        super().__init__(base_trial, action_json)
        self._mode: Any = None
        self._losses: list[float] = []
        self._name = ""

    def invoke_at_step(self, step: int) -> bool:
        """Add this step's loss, and judge the phase before when another one starts."""
        mode = self.base_trial.mode(step)
        collections = "" if self.regex else LOSSES
        name, loss = self.loss(step, collections, self.regex)
        if name is None or mode not in (modes.TRAIN, modes.EVAL) or self.too_early(step):
            return False
        self.saw("TRAIN losses" if mode == modes.TRAIN else "EVAL losses")
        fired = mode != self._mode and self.judge_end()
        self._mode, self._name = mode, name
        self._losses.append(loss)
        return fired

    def judge_end(self) -> bool:
        """Check whether the rule fires on the phase that another one or the trial's end closed."""
        losses, self._losses = self._losses, []
        return bool(losses) and self.judge_phase(self._mode, float(np.mean(losses)), self._name)

    def too_early(self, step: int) -> bool:
        """Check whether this step is left out."""
        return False

    @abstractmethod
    def judge_phase(self, mode: Any, loss: float, name: str) -> bool:
        """Check whether the rule fires after a phase with this mean loss."""
