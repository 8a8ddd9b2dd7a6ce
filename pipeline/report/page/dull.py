"""Say why a plot would say nothing: one point, one trial, one class, a line that is level.

Each function returns the reason in a sentence, or "" for data that is worth a plot.
"""

import math
from collections.abc import Iterable, Sequence

from pipeline.comparing.coverage import Coverage
from pipeline.report.page.formatting import number, percent, plural
from pipeline.report.page.plots_training import load_and_memory
from pipeline.report.page.plots_tuning import varied
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.tensors import Series
from pipeline.report.sections.tuning import Tuning

_BINS = 10  # of the histogram of recalls


def trials(tuning: Tuning) -> str:
    """Say it of the trials' results."""
    values = [trial.value for trial in tuning.trials if trial.value is not None]
    if len(values) < 2:
        has = f"{plural(len(values), 'trial')} {'has' if len(values) == 1 else 'have'} a result"
        return f"No plot of the trials: {has}."
    if _level(values):
        return f"No plot of the trials: each came to {number(values[0])}."
    return ""


def importance(tuning: Tuning) -> str:
    """Say it of the hyperparameters' importances."""
    if len(tuning.importance) == 1:
        return f"No plot of what mattered: {tuning.importance[0].name} alone was varied."
    return ""


def hyperparameters(tuning: Tuning) -> str:
    """Say it of the results by hyperparameter."""
    if not varied([trial for trial in tuning.trials if trial.value is not None]):
        return "No plot by hyperparameter: the trials with a result have the same ones."
    return ""


def epochs(history: Sequence[Epoch], what: str) -> str:
    """Say it of the losses, or accuracies, of a training's epochs."""
    if len(history) == 1:
        return "No plot of the epochs: there is one."
    train, valid = ([getattr(e, f"{side}_{what}") for e in history] for side in ("train", "valid"))
    if _level(train) and _level(valid):
        text = percent if what == "accuracy" else number
        stayed = f"{text(train[0])} in training and {text(valid[0])} in validation"
        return f"No plot of the {what}: it stayed at {stayed}."
    return ""


def series(title: str, lines: Sequence[Series]) -> str:
    """Say it of tensors over the saved steps."""
    if all(len(line.steps) < 2 for line in lines):
        return f"No plot ({title}): one step was saved."
    if all(_level(line.values) for line in lines):
        return f"No plot ({title}): nothing changed from step to step."
    return ""


def samples(profile: Profile) -> str:
    """Say it of the machine's load and memory."""
    if not load_and_memory(profile):
        return "No plot of the machine's load: the training was over before there were two samples."
    return ""


def confusion(evaluation: Evaluation) -> str:
    """Say it of the confusion matrix."""
    if len(evaluation.classes) < 2:
        return "No plot of what was taken for what: there is one class."
    return ""


def calibration(evaluation: Evaluation) -> str:
    """Say it of accuracy by confidence."""
    bins = [one for one in evaluation.calibration if one.count]
    if len(bins) == 1:
        around = f"{percent(bins[0].lower, 0)} to {percent(bins[0].upper, 0)}"
        right = f"{percent(bins[0].accuracy)} of them are right"
        return f"No plot of confidence: every answer is {around} sure, and {right}."
    return ""


def coverage(found: Coverage) -> str:
    """Say it of accuracy by the share that is answered."""
    accuracies = [one.accuracy for one in found.points]
    if len(accuracies) < 2:
        return "No plot of what is answered: it is as sure of every answer."
    if _level(accuracies):
        right = percent(accuracies[0])
        return f"No plot of what is answered: of the surest {right} are right, as of all."
    return ""


def recalls(evaluation: Evaluation) -> str:
    """Say it of the histogram of the classes' recalls."""
    known = [one.recall for one in evaluation.classes if one.recall is not None]
    if len({min(int(recall * _BINS), _BINS - 1) for recall in known}) < 2:
        return "No plot of the classes' recalls: they lie within a tenth of each other."
    return ""


def counts(dataset: Dataset) -> str:
    """Say it of the pictures of each class."""
    if len(dataset.classes) == 1:
        return "No plot of the classes: there is one."
    each = [[split.get(name, 0) for name in dataset.classes] for split in dataset.counts.values()]
    if all(_level(split) for split in each):
        shares = zip(dataset.counts, each, strict=True)
        text = ", ".join(f"{split[0]:,} {name}" for name, split in shares)
        return f"No plot of the classes: each has {text} pictures."
    return ""


def _level(values: Iterable[float]) -> bool:
    """Check whether all values are the same, and numbers: what is not finite is worth a look."""
    found = set(values)
    return len(found) == 1 and all(map(math.isfinite, found))
