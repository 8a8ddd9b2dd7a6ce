"""Judge whether tensors hold NaN or infinity."""

from typing import Any

import numpy as np

from debugger.rules.base import SavedTensorRule, to_flag


class ExplodingTensor(SavedTensorRule):
    """Fires when a tensor holds NaN, or infinity unless only_nan.

    Without collection_names and tensor_regex every saved tensor is looked at.
    """

    needs = ("tensors",)
    settings = ("tuning.ranges.lr.max=0.001",)

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
