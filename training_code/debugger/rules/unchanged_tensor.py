"""Judge whether tensors stay as they are."""

from typing import Any

import numpy as np

from debugger.rules.base import Number, SavedTensorRule, to_flag


class UnchangedTensor(SavedTensorRule):
    """Fires when the last num_steps saved values of a tensor are all close.

    Close: numpy.allclose(first of the row, value, rtol, atol, equal_nan). Only training steps count
    (weights rest during validation). The page wants a collection or a pattern; without both it is
    the weights here, less those without a gradient where gradients are saved: they are frozen.
    """

    needs = ("tensors to compare",)
    settings = ("tuning.ranges.lr.min=0.001",)

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
