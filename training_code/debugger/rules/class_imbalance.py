"""Judge whether classes are uneven in training, or small ones not learned."""

from typing import Any

import numpy as np

from debugger.rules.base import Number, SavedTensorRule, to_flag


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
    remedy = "more pictures of the classes that have few, then"
    collection = ("loss_input", ".*[Ll]oss_input")

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
