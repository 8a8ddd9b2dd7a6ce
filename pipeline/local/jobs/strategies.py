"""Choose the trials of a tuning job by SageMaker's strategies, through Optuna.

A trial sees only the finished trials that it is given, never what else happens to have ended by
then: so the same seed gives the same trials, however long each one takes.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.definition.errors import DefinitionError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

_AUTO_LOG_RATIO = 100  # Auto takes a logarithmic scale for ranges over two powers of ten
_STARTUP_SHARE = 3  # Bayesian: the first third of the trials is random, ten at the most
_JUDGES = 3  # early stopping needs this many earlier trials
_REDUCTION = 3


class OpenTrial(Protocol):
    """A trial while it runs."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """The values to try, as the strings that a training job receives."""

    def report(self, value: float) -> bool:
        """Tell the objective's newest value; True when the trial should be stopped."""

    def close(self, value: float | None, pruned: bool) -> "FrozenTrial":
        """End the trial with its last value, or None when it failed."""


@dataclass(frozen=True)
class Range:
    """A hyperparameter to tune: limits with a scale, or a list of values."""

    name: str
    kind: str
    low: float = 0
    high: float = 0
    scaling: str = "Auto"
    values: tuple[str, ...] = ()


class Search:
    """A tuning job's search, which opens its trials."""

    def __init__(self, config: Mapping[str, Any], ranges: Mapping[str, Any]) -> None:
        """`config` is a HyperParameterTuningJobConfig. Raises DefinitionError."""
        self._config = config
        self._ranges = read_ranges(ranges)
        self._seed = int(config.get("RandomSeed") or 0)
        self._strategy = str(config["Strategy"])
        limits = config["ResourceLimits"]
        self._grid = _grid(self._ranges) if self._strategy == "Grid" else []
        sizes = [limits.get("MaxNumberOfTrainingJobs"), len(self._grid)]
        if not any(sizes):
            raise DefinitionError("MaxNumberOfTrainingJobs is missing from ResourceLimits")
        self.size: int = min(size for size in sizes if size)
        self.parallel: int = max(1, min(limits["MaxParallelTrainingJobs"], self.size))
        self.maximize = config["HyperParameterTuningJobObjective"]["Type"] == "Maximize"

    def open(self, number: int, finished: Sequence["FrozenTrial"]) -> OpenTrial:
        """Open trial `number` (from 0), chosen knowing the first trials, `finished`, alone."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            study_name="tuning",
            direction="maximize" if self.maximize else "minimize",
            sampler=self._sampler(number),
            pruner=self._pruner(),
        )
        study.add_trials(list(finished))
        # Trials in between hold their numbers: Hyperband deals brackets by number.
        unknown = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)
        study.add_trials([unknown] * (number - len(finished)))
        trial = study.ask()
        if self._grid:
            return _Open(study, trial, self._grid[number])
        return _Open(study, trial, {r.name: _suggest(trial, r) for r in self._ranges})

    def _sampler(self, number: int) -> "BaseSampler":
        from optuna.samplers import RandomSampler, TPESampler

        seed = (self._seed * 1_000_003 + number) % 2**32
        if self._strategy in ("Random", "Grid"):
            return RandomSampler(seed=seed)
        startup = max(2, min(10, self.size // _STARTUP_SHARE))
        return TPESampler(seed=seed, n_startup_trials=startup)

    def _pruner(self) -> "BasePruner":
        from optuna.pruners import HyperbandPruner, NopPruner

        if self._strategy == "Hyperband":
            limits = (self._config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
            return HyperbandPruner(
                min_resource=max(1, limits.get("MinResource", 1)),
                max_resource=limits.get("MaxResource", "auto"),
                reduction_factor=_REDUCTION,
            )
        if self._config.get("TrainingJobEarlyStoppingType") == "Auto":
            return median_pruner(self.maximize)
        return NopPruner()


def read_ranges(ranges: Mapping[str, Any]) -> list[Range]:
    """Read and check ParameterRanges. Raises DefinitionError."""
    found = [
        *(_continuous(item) for item in ranges.get("ContinuousParameterRanges") or []),
        *(_integer(item) for item in ranges.get("IntegerParameterRanges") or []),
        *(
            Range(item["Name"], "Categorical", values=tuple(item["Values"]))
            for item in ranges.get("CategoricalParameterRanges") or []
        ),
    ]
    if not found:
        raise DefinitionError("the tuning job has no ParameterRanges: there is nothing to tune")
    for item in found:
        if item.kind != "Categorical" and not item.low <= item.high:
            raise DefinitionError(
                f"the range of {item.name} is empty: {item.low:g} to {item.high:g}"
            )
        if item.scaling == "Logarithmic" and item.low <= 0:
            raise DefinitionError(f"{item.name}: a logarithmic range begins above 0")
        if item.scaling == "ReverseLogarithmic" and not 0 <= item.low <= item.high < 1:
            raise DefinitionError(f"{item.name}: a reverse logarithmic range lies in 0 to 1")
    return found


def _continuous(item: Mapping[str, Any]) -> Range:
    low, high = _limits(item, float)
    return Range(item["Name"], "Continuous", low, high, _scaling(item, low, high))


def _integer(item: Mapping[str, Any]) -> Range:
    low, high = _limits(item, int)
    scaling = _scaling(item, low, high)
    if scaling == "ReverseLogarithmic":
        raise DefinitionError(f"{item['Name']}: whole numbers have no reverse logarithmic scale")
    return Range(item["Name"], "Integer", low, high, scaling)


def _limits(item: Mapping[str, Any], number: Callable[[str], float]) -> tuple[float, float]:
    try:
        return number(item["MinValue"]), number(item["MaxValue"])
    except ValueError as error:
        raise DefinitionError(f"the range of {item['Name']} is not of numbers: {error}") from error


def _scaling(item: Mapping[str, Any], low: float, high: float) -> str:
    asked = str(item.get("ScalingType") or "Auto")
    if asked != "Auto":
        return asked
    return "Logarithmic" if low > 0 and high / low >= _AUTO_LOG_RATIO else "Linear"


def _grid(ranges: Sequence[Range]) -> list[dict[str, str]]:
    """List every combination, in the order written. SageMaker's grids have categories alone."""
    for item in ranges:
        if item.kind != "Categorical":
            raise DefinitionError(
                f"{item.name}: a Grid search takes CategoricalParameterRanges only"
            )
    names = [item.name for item in ranges]
    rows = itertools.product(*(item.values for item in ranges))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _suggest(trial: "Trial", item: Range) -> str:
    if item.kind == "Categorical":
        return str(trial.suggest_categorical(item.name, item.values))
    if item.kind == "Integer":
        log = item.scaling == "Logarithmic"
        return str(trial.suggest_int(item.name, int(item.low), int(item.high), log=log))
    if item.scaling == "ReverseLogarithmic":
        # Even on the scale of log(1 - x): fine steps near 1.
        distance = trial.suggest_float(item.name, 1 - item.high, 1 - item.low, log=True)
        return repr(min(item.high, max(item.low, 1 - distance)))
    log = item.scaling == "Logarithmic"
    return repr(trial.suggest_float(item.name, item.low, item.high, log=log))


class _Open:
    def __init__(self, study: Any, trial: "Trial", parameters: Mapping[str, str]) -> None:
        self.parameters = parameters
        self._study = study
        self._trial = trial
        self._reports = 0

    def report(self, value: float) -> bool:
        self._reports += 1
        self._trial.report(value, step=self._reports)
        return self._trial.should_prune()

    def close(self, value: float | None, pruned: bool) -> "FrozenTrial":
        from optuna.trial import TrialState

        if value is None or not math.isfinite(value):
            self._study.tell(self._trial, state=TrialState.FAIL)
        elif pruned:
            self._study.tell(self._trial, state=TrialState.PRUNED)
        else:
            self._study.tell(self._trial, value)
        frozen: FrozenTrial = self._study.trials[self._trial.number]
        return frozen


def median_pruner(maximize: bool) -> "BasePruner":
    """Create the pruner of SageMaker's early stopping.

    A trial whose newest value is worse than the median of the earlier trials' running averages up
    to the same report is stopped.
    """
    from optuna.pruners import BasePruner

    class MedianOfAverages(BasePruner):
        def prune(self, study: Any, trial: "FrozenTrial") -> bool:
            step = trial.last_step
            if step is None:
                return False
            averages = [
                fmean(value for at, value in other.intermediate_values.items() if at <= step)
                for other in study.get_trials(deepcopy=False)
                if other.number < trial.number and other.last_step is not None
            ]
            if len(averages) < _JUDGES:
                return False
            newest, middle = trial.intermediate_values[step], median(averages)
            return newest < middle if maximize else newest > middle

    return MedianOfAverages()
