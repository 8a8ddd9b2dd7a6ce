"""Judge whether too many units of a ReLU layer are dead."""

from typing import Any

from debugger.rules.base import Number, SavedTensorRule, inactive_percent


class DeadRelu(SavedTensorRule):
    """Fires when too many units of a ReLU layer are dead.

    A unit is dead when its output is above 0 in less than threshold_inactivity % of the batch (and
    of the picture); fires above threshold_layer % dead units. The input has the same sign, so
    the relu_input collection serves as well as the page's `.*relu_output`.
    """

    needs = ("ReLU inputs or outputs",)
    settings = ("tuning.ranges.lr.max=0.001",)

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
