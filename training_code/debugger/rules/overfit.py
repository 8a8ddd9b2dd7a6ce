"""Judge whether validation is much worse than training."""

from typing import Any

from smdebug import modes

from debugger.rules.base import Number, PhaseLossRule


class Overfit(PhaseLossRule):
    """Fires when validation is worse than training by more than a ratio.

    (mean EVAL loss - mean TRAIN loss) / mean TRAIN loss > ratio_threshold in `patience` successive
    validations, each against the training before it. Global steps before start_step are left out.
    """

    settings = ("tuning.objective=best:valid_loss",)

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
