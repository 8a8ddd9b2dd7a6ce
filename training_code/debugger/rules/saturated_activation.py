"""Judge whether too many units of a tanh or sigmoid layer are saturated."""

from typing import Any

from debugger.rules.base import Number, SavedTensorRule, inactive_percent


class SaturatedActivation(SavedTensorRule):
    """Fires when too many units of a tanh or sigmoid layer are saturated.

    A unit is saturated when its input is between the thresholds in less than threshold_inactivity %
    of the batch; fires above threshold_layer % saturated units. Which function a tensor belongs to
    is told by its name (tanh or sigmoid in it), as the defaults of tensor_regex have it.
    """

    needs = ("tanh or sigmoid inputs",)
    settings = ("tuning.ranges.lr.max=0.001",)
    collection = ("tanh_sigmoid_input", ".*tanh_input,.*sigmoid_input")

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
