"""Judge whether the loss no longer falls."""

from typing import Any

import numpy as np
from smdebug import modes

from debugger.rules.base import LOSSES, Number, SavedTensorRule, to_flag, to_list


class LossNotDecreasing(SavedTensorRule):
    """Fires when the loss does not fall by diff_percent in num_steps steps.

    That is, when 100 * (before - now) / |before| is in [0, diff_percent) or below
    -increase_threshold_percent, or the loss is not finite. Losses saved between two checks are
    averaged (one loss is one batch's, too noisy alone). Without `mode` (the page contradicts
    itself) it is the training steps: the batches of one validation all see the same weights. Steps
    are those of the mode.
    """

    needs = ("losses",)
    settings = ("tuning.ranges.lr.max=0.001",)

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
