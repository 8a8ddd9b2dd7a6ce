"""Judge whether the first steps show poor initial weights."""

from typing import Any

import numpy as np

from debugger.rules.base import GRADIENTS, Number, SavedTensorRule


class PoorWeightInitialization(SavedTensorRule):
    """Fires on signs of poor initial weights.

    In the first `steps` saved training steps, the largest variance of a layer's activation inputs
    is more than threshold times the smallest, or the 5th and 95th percentile of a weight's gradient
    (2 dimensions or more: a bias may have one element) are less than distribution_range apart, or
    the loss has no new minimum for `patience` steps. A network without such activations is judged
    by the other two.
    """

    needs = ("gradients", "losses")
    settings = ("training.seed=1",)

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
