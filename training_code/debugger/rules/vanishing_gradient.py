"""Judge whether gradients have vanished."""

from typing import Any

from smdebug.exceptions import TensorUnavailableForStep

from debugger.rules.base import GRADIENTS, Number, SavedTensorRule


class VanishingGradient(SavedTensorRule):
    """Fires when mean(|g|) < threshold for a gradient tensor."""

    needs = ("gradients",)
    settings = ("tuning.ranges.lr.min=0.001",)

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
