"""Define Debugger's built-in rules for smdebug, to run locally, in the job or on the service.

Names, parameters and defaults are those of AWS's page "List of Debugger built-in rules"
(docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html); where the page leaves
something open, the class says what was chosen. Parameters may be strings, as the service passes
them.

One file, and no syntax newer than Python 3.7: `Rule.custom(source=...)` uploads a single file to an
older image.
"""

from __future__ import annotations  # the service's image evaluates no newer annotations

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


class SavedTensorRule(Rule):  # type: ignore[misc]
    """Base of all rules here: finds tensors, tells what fired and what was never saved."""

    needs: tuple[str, ...] = ()  # must be saved at least once for the rule to judge anything

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


class VanishingGradient(SavedTensorRule):
    """Fires when mean(|g|) < threshold for a gradient tensor."""

    needs = ("gradients",)

    def __init__(
        self, base_trial: Any, threshold: Number = 0.0000001, action_json: str = ""
    ) -> None:
        super().__init__(base_trial, action_json)
        self.threshold = float(threshold)

    def invoke_at_step(self, step: int) -> bool:
        """Check whether a gradient saved at this step has vanished."""
        for name in self.names(step, GRADIENTS):
            tensor = self.base_trial.tensor(name)
            try:  # a saved reduction is enough
                mean = float(tensor.reduction_value(step, "mean", abs=True))
            except TensorUnavailableForStep:
                continue
            self.saw("gradients")
            if mean < self.threshold:
                text = f"has a mean absolute value of {mean:.3g}, below {self.threshold:g}"
                return self.fire(name, text)
        return False


class ExplodingTensor(SavedTensorRule):
    """Fires when a tensor holds NaN, or infinity unless only_nan.

    Without collection_names and tensor_regex every saved tensor is looked at.
    """

    needs = ("tensors",)

    def __init__(
        self,
        base_trial: Any,
        collection_names: Any = None,
        tensor_regex: Any = None,
        only_nan: Any = False,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.collections = collection_names
        self.regex = tensor_regex or (None if collection_names else ".*")
        self.only_nan = to_flag(only_nan)

    def invoke_at_step(self, step: int) -> bool:
        """Check whether a tensor saved at this step holds NaN or, unless only_nan, infinity."""
        for name in self.names(step, self.collections, self.regex):
            value = self.value(name, step)
            if value is None:
                continue
            self.saw("tensors")
            bad = np.isnan(value) if self.only_nan else ~np.isfinite(value)
            if bad.any():
                return self.fire(name, f"has {int(bad.sum())} of {value.size} values not finite")
        return False


class UnchangedTensor(SavedTensorRule):
    """Fires when the last num_steps saved values of a tensor are all close.

    Close: numpy.allclose(first of the row, value, rtol, atol, equal_nan). Only training steps count
    (weights rest during validation). The page wants a collection or a pattern; without both it is
    the weights here, less those without a gradient where gradients are saved: they are frozen.
    """

    needs = ("tensors to compare",)

    def __init__(
        self,
        base_trial: Any,
        collection_names: Any = None,
        tensor_regex: Any = None,
        *,
        num_steps: Number = 3,
        rtol: Number = 1e-05,
        atol: Number = 1e-08,
        equal_nan: Any = False,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.regex = tensor_regex
        self.chosen = bool(collection_names or tensor_regex)
        self.collections = collection_names if self.chosen else "weights"
        self.num_steps = int(float(num_steps))
        self.rtol, self.atol = float(rtol), float(atol)
        self.equal_nan = to_flag(equal_nan)
        self._rows: dict[str, tuple[Any, int]] = {}

    def invoke_at_step(self, step: int) -> bool:
        """Check whether a tensor has been the same in the last num_steps training steps saved."""
        if not self.is_training(step):
            return False
        for name in self._compared(step):
            value = self.value(name, step)
            if value is None:
                continue
            self.saw("tensors to compare")
            if self._row_length(name, value) >= self.num_steps:
                return self.fire(name, f"did not change over {self.num_steps} saved steps")
        return False

    def _compared(self, step: int) -> list[str]:
        names = self.names(step, self.collections, self.regex)
        gradients = set(self.names(step, regex="gradient/"))
        if self.chosen or not gradients:
            return names
        return [name for name in names if f"gradient/{name}" in gradients]

    def _row_length(self, name: str, value: Any) -> int:
        first, length = self._rows.get(name, (value, 0))
        same = first.shape == value.shape and np.allclose(
            first, value, self.rtol, self.atol, self.equal_nan
        )
        self._rows[name] = (first, length + 1) if same else (value, 1)
        return self._rows[name][1]


class LossNotDecreasing(SavedTensorRule):
    """Fires when the loss does not fall by diff_percent in num_steps steps.

    That is, when 100 * (before - now) / |before| is in [0, diff_percent) or below
    -increase_threshold_percent, or the loss is not finite. Losses saved between two checks are
    averaged (one loss is one batch's, too noisy alone). Without `mode` (the page contradicts
    itself) it is the training steps: the batches of one validation all see the same weights. Steps
    are those of the mode.
    """

    needs = ("losses",)

    def __init__(
        self,
        base_trial: Any,
        collection_names: Any = None,
        tensor_regex: Any = None,
        use_losses_collection: Any = True,
        *,
        num_steps: Number = 10,
        diff_percent: Number = 0.1,
        increase_threshold_percent: Number = 5,
        mode: Any = None,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        added = [LOSSES] if to_flag(use_losses_collection) else []
        self.collections = ",".join(to_list(collection_names) + added)
        self.regex = tensor_regex
        self.num_steps = int(float(num_steps))
        self.diff = float(diff_percent)
        self.increase = float(increase_threshold_percent)
        self.mode = modes[str(mode).upper()] if mode else None
        self._start = -1
        self._before = float("nan")
        self._window: list[float] = []

    def invoke_at_step(self, step: int) -> bool:
        """Check whether the mean loss has not fallen enough since num_steps ago."""
        mode, mode_step = self.base_trial.mode_modestep(step)
        wanted = self.is_training(step) if self.mode is None else mode == self.mode
        if not wanted and self.mode != modes.GLOBAL:
            return False
        name, loss = self.loss(step, self.collections, self.regex)
        if name is None:
            return False
        self.saw("losses")
        return self._add(name, loss, step if self.mode == modes.GLOBAL else mode_step)

    def _add(self, name: str, loss: float, step: int) -> bool:
        self._window.append(loss)
        self._start = step if self._start < 0 else self._start
        if step - self._start < self.num_steps:
            return False
        now, before = float(np.mean(self._window)), self._before
        self._start, self._before, self._window = step, now, []
        if not np.isfinite(now):
            return self.fire(name, f"is {now}")
        fall = 100 * (before - now) / max(abs(before), 1e-30)
        if 0 <= fall < self.diff or fall < -self.increase:
            text = f"went from {before:.6g} to {now:.6g} in {self.num_steps} steps"
            return self.fire(name, f"{text} ({-fall:+.2f} %)")
        return False


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


class Overfit(PhaseLossRule):
    """Fires when validation is worse than training by more than a ratio.

    (mean EVAL loss - mean TRAIN loss) / mean TRAIN loss > ratio_threshold in `patience` successive
    validations, each against the training before it. Global steps before start_step are left out.
    """

    def __init__(
        self,
        base_trial: Any,
        tensor_regex: Any = None,
        start_step: Number = 0,
        patience: Number = 1,
        ratio_threshold: Number = 0.1,
        *,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.regex = tensor_regex
        self.start_step = int(float(start_step))
        self.patience = int(float(patience))
        self.ratio_threshold = float(ratio_threshold)
        self._train = float("nan")
        self._exceeded = 0

    def too_early(self, step: int) -> bool:
        """Check whether this step comes before start_step."""
        return step < self.start_step

    def judge_phase(self, mode: Any, loss: float, name: str) -> bool:
        """Check whether validation was too much worse than training `patience` times in a row."""
        if mode == modes.TRAIN:
            self._train = loss
            return False
        ratio = (loss - self._train) / max(abs(self._train), 1e-30)
        self._exceeded = self._exceeded + 1 if ratio > self.ratio_threshold else 0
        if self._exceeded < max(self.patience, 1):
            return False
        text = f"is {loss:.6g} in validation and {self._train:.6g} in training"
        return self.fire(name, f"{text}, {self._exceeded} times in a row")


class Overtraining(PhaseLossRule):
    """Fires when neither training nor validation improves any more.

    A loss improves when it is more than delta below its best one. Fires when that did not happen
    for patience_train trainings and patience_validation validations (both, which the page leaves
    open: a training loss that still falls is overfitting, another rule).
    """

    def __init__(
        self,
        base_trial: Any,
        patience_train: Number = 5,
        patience_validation: Number = 10,
        delta: Number = 0.01,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.patience = {
            modes.TRAIN: int(float(patience_train)),
            modes.EVAL: int(float(patience_validation)),
        }
        self.delta = float(delta)
        self._best = {modes.TRAIN: float("inf"), modes.EVAL: float("inf")}
        self._waited = {modes.TRAIN: 0, modes.EVAL: 0}

    def judge_phase(self, mode: Any, loss: float, name: str) -> bool:
        """Check whether the patience for training and that for validation have both run out."""
        if loss < self._best[mode] - self.delta:
            self._best[mode], self._waited[mode] = loss, 0
            return False
        self._waited[mode] += 1
        if any(self._waited[one] < self.patience[one] for one in self.patience):
            return False
        waited = f"{self._waited[modes.TRAIN]} trainings and {self._waited[modes.EVAL]} validations"
        return self.fire(name, f"did not improve by {self.delta:g} in {waited}")


class PoorWeightInitialization(SavedTensorRule):
    """Fires on signs of poor initial weights.

    In the first `steps` saved training steps, the largest variance of a layer's activation inputs
    is more than threshold times the smallest, or the 5th and 95th percentile of a weight's gradient
    (2 dimensions or more: a bias may have one element) are less than distribution_range apart, or
    the loss has no new minimum for `patience` steps. A network without such activations is judged
    by the other two.
    """

    needs = ("gradients", "losses")

    def __init__(
        self,
        base_trial: Any,
        activation_inputs_regex: Any = ".*relu_input,.*ReLU_input",
        threshold: Number = 10.0,
        distribution_range: Number = 0.001,
        patience: Number = 5,
        *,
        steps: Number = 10,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.regex = activation_inputs_regex
        self.threshold = float(threshold)
        self.distribution_range = float(distribution_range)
        self.patience = int(float(patience))
        self.steps = int(float(steps))
        self._seen = 0
        self._best, self._waited = float("inf"), 0

    def invoke_at_step(self, step: int) -> bool:
        """Check whether one of the first training steps shows poor initial weights."""
        if self._seen >= self.steps or not self.is_training(step):
            return False
        self._seen += 1
        return self._uneven(step) or self._narrow(step) or self._stuck(step)

    def _uneven(self, step: int) -> bool:
        found = [(self.value(name, step), name) for name in self.names(step, regex=self.regex)]
        spread = sorted((float(np.var(value)), name) for value, name in found if value is not None)
        if not spread:
            return False
        (low, _), (high, name) = spread[0], spread[-1]
        if high <= self.threshold * low:
            return False
        return self.fire(name, f"varies by {high:.3g}, another layer's by {low:.3g}")

    def _narrow(self, step: int) -> bool:
        for name in self.names(step, GRADIENTS):
            value = self.value(name, step)
            if value is None or value.ndim < 2:
                continue
            self.saw("gradients")
            low, high = np.percentile(value, (5, 95))
            if high - low < self.distribution_range:
                text = f"has its 5th and 95th percentile only {high - low:.3g} apart"
                return self.fire(name, text)
        return False

    def _stuck(self, step: int) -> bool:
        name, loss = self.loss(step)
        if name is None:
            return False
        self.saw("losses")
        self._waited = 0 if loss < self._best else self._waited + 1
        self._best = min(self._best, loss)
        if self._waited < self.patience:
            return False
        return self.fire(name, f"has no new minimum for {self._waited} of the first steps")


def inactive_percent(active: Any, threshold_inactivity: float) -> float:
    """Return % of units (axis 1 of (N, units, ...)) active in less than threshold % of places."""
    flat = active.reshape(active.shape[0], active.shape[1], -1) if active.ndim > 1 else active
    activity = 100 * flat.mean(axis=(0, 2)) if active.ndim > 1 else 100 * flat
    return float(100 * np.mean(activity < threshold_inactivity))


class DeadRelu(SavedTensorRule):
    """Fires when too many units of a ReLU layer are dead.

    A unit is dead when its output is above 0 in less than threshold_inactivity % of the batch (and
    of the picture); fires above threshold_layer % dead units. The input has the same sign, so
    the relu_input collection serves as well as the page's `.*relu_output`.
    """

    needs = ("ReLU inputs or outputs",)

    def __init__(
        self,
        base_trial: Any,
        tensor_regex: Any = ".*relu_output,.*ReLU_output,.*relu_input,.*ReLU_input",
        threshold_inactivity: Number = 1.0,
        threshold_layer: Number = 50.0,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.regex = tensor_regex
        self.threshold_inactivity = float(threshold_inactivity)
        self.threshold_layer = float(threshold_layer)

    def invoke_at_step(self, step: int) -> bool:
        """Check whether a ReLU layer has too many dead units at this step."""
        for name in self.names(step, regex=self.regex):
            value = self.value(name, step)
            if value is None:
                continue
            self.saw("ReLU inputs or outputs")
            dead = inactive_percent(value > 0, self.threshold_inactivity)
            if dead > self.threshold_layer:
                return self.fire(name, f"has {dead:.0f} % dead units")
        return False


class SaturatedActivation(SavedTensorRule):
    """Fires when too many units of a tanh or sigmoid layer are saturated.

    A unit is saturated when its input is between the thresholds in less than threshold_inactivity %
    of the batch; fires above threshold_layer % saturated units. Which function a tensor belongs to
    is told by its name (tanh or sigmoid in it), as the defaults of tensor_regex have it.
    """

    needs = ("tanh or sigmoid inputs",)

    def __init__(
        self,
        base_trial: Any,
        collection_names: Any = None,
        tensor_regex: Any = ".*tanh_input,.*sigmoid_input,.*Tanh_input,.*Sigmoid_input",
        *,
        threshold_tanh_min: Number = -9.4999,
        threshold_tanh_max: Number = 9.4999,
        threshold_sigmoid_min: Number = -23,
        threshold_sigmoid_max: Number = 16.99999,
        threshold_inactivity: Number = 1.0,
        threshold_layer: Number = 50.0,
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.collections = collection_names
        self.regex = tensor_regex
        self.limits = {
            "tanh": (float(threshold_tanh_min), float(threshold_tanh_max)),
            "sigmoid": (float(threshold_sigmoid_min), float(threshold_sigmoid_max)),
        }
        self.threshold_inactivity = float(threshold_inactivity)
        self.threshold_layer = float(threshold_layer)

    def invoke_at_step(self, step: int) -> bool:
        """Check whether a tanh or sigmoid layer has too many saturated units at this step."""
        for name in self.names(step, self.collections, self.regex):
            kinds = [kind for kind in self.limits if kind in name.lower()]
            value = self.value(name, step) if kinds else None
            if value is None:
                continue
            self.saw("tanh or sigmoid inputs")
            low, high = self.limits[kinds[0]]
            inside = (value > low) & (value < high)
            saturated = inactive_percent(inside, self.threshold_inactivity)
            if saturated > self.threshold_layer:
                return self.fire(name, f"has {saturated:.0f} % saturated units")
        return False


class ClassImbalance(SavedTensorRule):
    """Fires on uneven classes in training, or small classes not learned.

    Judged on every `samples` labels: largest class / smallest class seen > threshold_imbalance; or
    a class with less than half an even share is mispredicted by more than threshold_misprediction
    while all classes together are not (the page names "underrepresented classes"; where everything
    is mispredicted, nothing has been learned yet, which is not imbalance).
    Predictions with a column per class always go through argmax. PyTorch saves no `labels`: the
    inputs of the loss (predictions, labels) are looked for as well.
    """

    needs = ("labels", "predictions")

    def __init__(
        self,
        base_trial: Any,
        threshold_imbalance: Number = 10,
        threshold_misprediction: Number = 0.7,
        samples: Number = 500,
        *,
        argmax: Any = False,
        labels_regex: Any = ".*labels,.*[Ll]oss_input_1",
        predictions_regex: Any = ".*predictions,.*[Ll]oss_input_0",
        action_json: str = "",
    ) -> None:
        super().__init__(base_trial, action_json)
        self.threshold_imbalance = float(threshold_imbalance)
        self.threshold_misprediction = float(threshold_misprediction)
        self.samples = int(float(samples))
        self.argmax = to_flag(argmax)
        self.labels_regex = labels_regex
        self.predictions_regex = predictions_regex
        self._labels: list[Any] = []
        self._wrong: list[Any] = []

    def invoke_at_step(self, step: int) -> bool:
        """Add this training step's labels, and judge them once there are `samples`."""
        if not self.is_training(step):
            return False
        name, labels = self._first(step, self.labels_regex, "labels")
        _, predictions = self._first(step, self.predictions_regex, "predictions")
        if labels is None:
            return False
        labels = labels.reshape(-1)
        self._labels.append(labels)
        if predictions is not None:
            self._wrong.append(self._classes(predictions) != labels)
        if sum(len(part) for part in self._labels) < self.samples:
            return False
        labels, wrong = np.concatenate(self._labels), self._wrong
        self._labels, self._wrong = [], []
        if self._uneven(name, labels):
            return True
        missed = np.concatenate(wrong) if wrong else np.zeros(0, bool)
        return len(missed) == len(labels) and self._unlearned(name, labels, missed)

    def _first(self, step: int, regex: Any, need: str) -> Any:
        for name in self.names(step, regex=regex):
            value = self.value(name, step)
            if value is not None:
                self.saw(need)
                return name, value
        return None, None

    def _classes(self, predictions: Any) -> Any:
        columns = predictions.ndim > 1 and (self.argmax or predictions.shape[-1] > 1)
        return np.reshape(np.argmax(predictions, axis=-1) if columns else predictions, -1)

    def _uneven(self, name: str, labels: Any) -> bool:
        classes, counts = np.unique(labels, return_counts=True)
        ratio = counts.max() / counts.min()
        if ratio <= self.threshold_imbalance:
            return False
        most, least = classes[counts.argmax()], classes[counts.argmin()]
        return self.fire(name, f"has class {most} {ratio:.1f} times as often as class {least}")

    def _unlearned(self, name: str, labels: Any, wrong: Any) -> bool:
        classes, counts = np.unique(labels, return_counts=True)
        if wrong.mean() > self.threshold_misprediction:
            return False
        for one in classes[counts < counts.mean() / 2]:
            missed = float(wrong[labels == one].mean())
            if missed > self.threshold_misprediction:
                return self.fire(name, f"has class {one}, mispredicted {100 * missed:.0f} %")
        return False
