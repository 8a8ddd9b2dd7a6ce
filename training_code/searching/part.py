"""Search a part of the settings in one job: train a head with each, and keep the best one."""

import copy
import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from extraction.feature_files import Features, read_features, read_info
from hyperparameters import Hyperparameters, with_values
from job.errors import JobError
from job.log import log
from learning.head_training import head_phase, make_head
from learning.training_loop import Checkpoint, EpochResult, make_criterion, restore
from learning.training_outputs import write_head
from network import Head
from searching.objectives import sign_of, value_of
from searching.settings_table import CHOICE_FILE, RESULTS_FILE, Setting, numbers_of, read_table
from searching.together import Runner, fit_together

_JUDGES = 3  # stopping early needs this many earlier settings, as the tuner's own does


@dataclass
class Tried:
    """A setting of the part: its values, and what became of it.

    `status` is a training job's: InProgress, Completed, Stopped (early) or Failed, for `failure`.
    `values` are the objective's, epoch by epoch.
    """

    number: int
    setting: Setting
    settings: Hyperparameters
    status: str = "InProgress"
    failure: str = ""
    epochs: list[EpochResult] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: Checkpoint | None = None
    seconds: float = 0.0

    def line(self) -> str:
        """Return the newest epoch's metrics, for SageMaker and for people to read from the log."""
        metrics = self.best.metrics() if self.best else ""
        return f"setting={self.number} {self.epochs[-1].line()} {metrics}"

    def end(self) -> str:
        """Return what became of it; by `epoch=` it is among the lines that a report asks for."""
        if self.status == "Failed":
            return f"failed after epoch={len(self.epochs)}: {self.failure}"
        if self.status == "Stopped" or self.best is None:
            return f"stopped after epoch={len(self.epochs)}, as it is clearly worse"
        kept = self.best.result
        accuracy, loss = kept.valid_accuracy, kept.valid_loss
        return f"kept epoch={kept.epoch}: validation accuracy {accuracy:.6f}, loss {loss:.6f}"


class Part:
    """The search of a part of the table `settings.settings`."""

    def __init__(self, settings: Hyperparameters) -> None:
        """Raise JobError for a table or a part that cannot be read."""
        self._objective, self._stops = settings.objective, settings.stop_early
        self._sign = sign_of(settings.objective)
        self._seed = settings.seed
        self.tried = [
            Tried(number, setting, with_values(settings, setting))
            for number, setting in settings_of_part(settings.settings, settings.part).items()
        ]

    def run(self, folder: Path) -> tuple[Tried, Head]:
        """Train a head with each setting; return the best one. Raises JobError when all fail."""
        info = read_info(folder)
        train, valid = read_features(folder, "train"), read_features(folder, "valid")
        first = make_head(train, len(info.classes), self._seed)
        heads = {one.number: copy.deepcopy(first) for one in self.tried}
        began = time.monotonic()
        for group in self._groups():
            runners = [self._runner(one, heads[one.number], train, valid) for one in group]
            fit_together(runners)
            seconds = (time.monotonic() - began) / len(group)  # each one's share
            for one, runner in zip(group, runners, strict=True):
                self._end(one, runner.best, seconds)
            began = time.monotonic()
        best = self._choose()
        if best.best:
            restore(heads[best.number], best.best.parameters)
        return best, heads[best.number]

    def _groups(self) -> list[list[Tried]]:
        """Return what can be trained at once: settings whose batches have the same size."""
        groups: dict[int, list[Tried]] = {}
        for one in self.tried:
            groups.setdefault(one.settings.batch_size, []).append(one)
        return list(groups.values())

    def _runner(self, one: Tried, head: Head, train: Features, valid: Features) -> Runner:
        criterion = make_criterion(one.settings, train.labels, head.linear.out_features)

        def tell(result: EpochResult, best: Checkpoint) -> bool:
            one.epochs.append(result)
            one.best = best
            one.values.append(value_of(self._objective, result, best.result))
            log(one.line())
            if self._stops and self._is_worse(one):
                one.status = "Stopped"
            return one.status == "InProgress"

        def fail(error: JobError) -> None:
            one.status, one.failure = "Failed", str(error)

        phase = head_phase(head, criterion, train, valid, one.settings)
        return Runner(head, phase, one.settings.epochs, tell, fail)

    def _is_worse(self, one: Tried) -> bool:
        """Judge the newest value as SageMaker's early stopping does.

        It is worse than the median of what earlier settings had on average up to that epoch.
        """
        earlier = [other for other in self.tried if other.number < one.number and other.values]
        if len(earlier) < _JUDGES:
            return False
        middle = median(fmean(other.values[: len(one.values)]) for other in earlier)
        return self._sign * one.values[-1] < self._sign * middle

    def _end(self, one: Tried, best: Checkpoint | None, seconds: float) -> None:
        one.best, one.seconds = best, seconds
        if one.status == "InProgress":
            one.status = "Completed"
        done = sum(other.status != "InProgress" for other in self.tried)
        log(f"setting={one.number} {one.end()}; settings_done={done} of {len(self.tried)}")

    def _choose(self) -> Tried:
        """Return the best completed setting, the first of equals. Raises JobError without one."""
        usable = [one for one in self.tried if one.status == "Completed" and _is_number(one)]
        if not usable:
            why = next((one.failure for one in self.tried if one.failure), "none has a result")
            raise JobError(f"none of {len(self.tried)} settings can be used: {why}")
        return max(usable, key=lambda one: self._sign * one.values[-1])


def _is_number(one: Tried) -> bool:
    return bool(one.values) and math.isfinite(one.values[-1])


def settings_of_part(table: str, part: str) -> dict[int, Setting]:
    """Return a part's settings by number. Raises JobError."""
    try:
        settings, numbers = read_table(table), numbers_of(part)
        return {number: settings[number] for number in numbers}
    except ValueError as error:
        raise JobError(f"hyperparameter settings or part: {error}") from error
    except KeyError as error:
        raise JobError(f"hyperparameter part is {part}; settings has no {error}") from error


def search_part(settings: Hyperparameters, features: Path, model: Path, output: Path) -> None:
    """Search the job's part; write its results, and the best setting with its head.

    The log's last metrics are the best setting's, as those that the tuner takes.
    """
    part = Part(settings)
    try:
        best, head = part.run(features)
    finally:
        write_results(output, part.tried)
    if best.best:
        write_head(model, head, best.best.result)
    choice = {"number": best.number, "values": dict(best.setting)}
    (model / CHOICE_FILE).write_text(json.dumps(choice, indent=1) + "\n", encoding="utf-8")
    log(f"kept_setting={best.number} {best.line()}")


def write_results(folder: Path, tried: list[Tried]) -> None:
    """Write settings.json: each setting with its values, epochs, result and time."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"settings": [_result(one) for one in tried]}, indent=1)
    (folder / RESULTS_FILE).write_text(text + "\n", encoding="utf-8")


def _result(one: Tried) -> dict[str, Any]:
    value = one.values[-1] if _is_number(one) and one.status != "Failed" else None
    return {
        "number": one.number,
        "hyperparameters": dict(one.setting),
        "status": one.status,
        "value": value,
        "failure": one.failure or None,
        "seconds": round(one.seconds, 3),
        "epochs": [asdict(epoch) for epoch in one.epochs],
    }
