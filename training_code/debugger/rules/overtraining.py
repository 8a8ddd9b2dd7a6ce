"""Judge whether training goes on after it stopped improving."""

from typing import Any

from smdebug import modes

from debugger.rules.base import Number, PhaseLossRule


class Overtraining(PhaseLossRule):
    """Fires when neither training nor validation improves any more.

    A loss improves when it is more than delta below its best one. Fires when that did not happen
    for patience_train trainings and patience_validation validations (both, which the page leaves
    open: a training loss that still falls is overfitting, another rule).
    """

    settings = ("training.epochs=10",)

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
