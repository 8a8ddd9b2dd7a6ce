"""Say what tuning and fine-tuning gained over the defaults, as far as that was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from pipeline.command_line.running import ROOT
from pipeline.comparing.chosen import Chosen
from pipeline.comparing.defaults import LOCAL_ENVIRONMENT, read_defaults
from pipeline.comparing.differences import same
from pipeline.report.section import Inputs, Section
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import Epoch, best_epoch
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import Trial, Tuning
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Absent

_FINE_TUNING = "fine_tuning"


@dataclass(frozen=True)
class TuningGain:
    """The objective's best, median and worst value, and that of the trial with the defaults.

    `defaults` are those of the tuned hyperparameters, {} when not all are known; `default_trial`
    is None when no trial with a result had them.
    """

    objective: str
    maximize: bool
    trials: int
    best: float
    middle: float
    worst: float
    defaults: Mapping[str, str] = field(default_factory=dict)
    default_trial: int | None = None
    default: float | None = None

    @property
    def gained(self) -> float | None:
        """How much better the best trial is than the defaults; None when not measured."""
        if self.default is None:
            return None
        return self.best - self.default if self.maximize else self.default - self.best


@dataclass(frozen=True)
class FineTuningGain:
    """The best validation accuracy of the head alone, and of fine-tuning; each with its epoch.

    `kept` is the epoch whose weights were kept; `pictures` how many the accuracies are of.
    """

    head_epoch: int
    head: float
    epoch: int
    tuned: float
    kept: int | None
    pictures: int | None = None

    @property
    def gained(self) -> float:
        """How much higher the accuracy is with the last blocks trained as well."""
        return self.tuned - self.head


@dataclass(frozen=True)
class Gains:
    """What was gained; None for what the run did not do, or did not finish."""

    tuning: TuningGain | None = None
    fine_tuning: FineTuningGain | None = None


def tuning_gain(tuning: Tuning, defaults: Chosen | None) -> TuningGain | None:
    """Return what the tuning gained; None when no trial has a result."""
    done = [(trial, trial.value) for trial in tuning.trials if trial.value is not None]
    if not done:
        return None
    values = sorted((value for _, value in done), reverse=tuning.maximize)
    known = _defaults_of(tuning.trials, defaults)
    found = next((one for one in done if known and _has(one[0], known)), None)
    return TuningGain(
        objective=tuning.objective,
        maximize=tuning.maximize,
        trials=len(done),
        best=values[0],
        middle=median(values),
        worst=values[-1],
        defaults=known,
        default_trial=found[0].number if found else None,
        default=found[1] if found else None,
    )


def fine_tuning_gain(
    epochs: Sequence[Epoch], head_epochs: int | None, pictures: int | None
) -> FineTuningGain | None:
    """Return what the epochs after the head's gained; None when there are none, or not known."""
    heads = [e for e in epochs if _is_head(e, head_epochs)]
    others = [e for e in epochs if e not in heads]
    head, tuned = _best(heads), _best(others)
    if head is None or tuned is None:
        return None
    accuracies = (head.valid_accuracy, tuned.epoch, tuned.valid_accuracy)
    return FineTuningGain(head.epoch, *accuracies, best_epoch(epochs), pictures)


def _defaults_of(trials: Sequence[Trial], defaults: Chosen | None) -> dict[str, str]:
    names = dict.fromkeys(name for trial in trials for name in trial.hyperparameters)
    known = {n: defaults.values.get(f"training.{n}") for n in names} if defaults else {}
    found = {name: value for name, value in known.items() if value is not None}
    return found if len(found) == len(names) else {}


def _has(trial: Trial, values: Mapping[str, str]) -> bool:
    return all(same(trial.hyperparameters.get(name), value) for name, value in values.items())


def _is_head(epoch: Epoch, head_epochs: int | None) -> bool:
    if epoch.phase:
        return epoch.phase != _FINE_TUNING
    return head_epochs is None or epoch.epoch <= head_epochs


def _best(epochs: Sequence[Epoch]) -> Epoch | None:
    best = best_epoch(epochs)
    return next((epoch for epoch in epochs if epoch.epoch == best), None)


def _head_epochs(facts: Facts) -> int | None:
    values = facts.chosen.values
    epochs = values.get("training.epochs", "")
    fine_tuned = values.get("training.fine_tune_blocks", "0") != "0"
    return int(epochs) if fine_tuned and epochs.isdecimal() else None


def _valid_pictures(dataset: Dataset | None) -> int | None:
    return sum(dataset.counts.get("valid", {}).values()) or None if dataset else None


def _read(run: Inputs) -> Gains:
    tuning, history = TUNING.of(run.values), HISTORY.of(run.values)
    pictures = _valid_pictures(DATASET.of(run.values))
    environment = LOCAL_ENVIRONMENT if run.source.where == "local" else None
    defaults = read_defaults(ROOT / "pipeline.yaml", environment) if tuning else None
    found = Gains(
        tuning_gain(tuning, defaults) if tuning else None,
        fine_tuning_gain(history.epochs, _head_epochs(run.facts), pictures) if history else None,
    )
    if found == Gains():
        raise Absent("no trial has a result, and no block of the backbone was trained")
    return found


SECTION = Section(
    name="gains",
    title="What tuning and fine-tuning gained",
    place=35,
    turn=120,
    read=_read,
)
