"""Write and read what a search in parts was drawn from, as one hyperparameter of its jobs.

The tuner itself only deals out the parts: `Random,20,7,lr:continuous:0.0001:0.01:Logarithmic` tells
the strategy, how many settings at most, how many a job, and the ranges. Jobs make no use of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.job_scripts.metrics import KEPT_SETTING
from training_code.searching.settings_table import (
    PART,
    SETTINGS,
    Setting,
    numbers_of,
    read_table,
)

SEARCHED = "searched"
"""The hyperparameter that tells it."""
_STATIC = "StaticHyperParameters"
_KINDS = {
    "continuous": "ContinuousParameterRanges",
    "integer": "IntegerParameterRanges",
    "categorical": "CategoricalParameterRanges",
}


@dataclass(frozen=True)
class Searched:
    """What settings were drawn from, and the settings by number.

    `ranges` are as SageMaker's ParameterRanges. `most` is None where every combination is tried.
    """

    strategy: str
    most: int | None
    per_trial: int
    ranges: Mapping[str, Sequence[Mapping[str, Any]]]
    settings: Mapping[int, Setting]


def write_searched(
    strategy: str, most: int | None, per_trial: int, ranges: Mapping[str, Sequence[object]]
) -> str:
    """Return it as text. `ranges`: (kind, low, high, scaling) or (categorical, values…) by name."""
    told = (":".join([name, *map(str, words)]) for name, words in ranges.items())
    return ",".join([strategy, str(most or "all"), str(per_trial), *told])


def read_searched(hyperparameters: Any) -> Searched | None:
    """Read what jobs with these hyperparameters search; None where each tries one setting.

    None as well for what is none of ours.
    """
    text, table = _member(hyperparameters, SEARCHED), _member(hyperparameters, SETTINGS)
    if not isinstance(text, str) or not isinstance(table, str):
        return None
    try:
        strategy, most, per_trial, *ranges = text.strip('"').split(",")
        found: dict[str, list[Mapping[str, Any]]] = {}
        for name, kind, *words in (one.split(":") for one in ranges):
            found.setdefault(_KINDS[kind], []).append(_range(name, kind, words))
        count = None if most == "all" else int(most)
        return Searched(strategy, count, int(per_trial), found, read_table(table.strip('"')))
    except (ValueError, KeyError):
        return None


def trained_with(training_job: Mapping[str, Any]) -> dict[str, str]:
    """Return a training job's hyperparameters (of its Describe answer), with those of its setting.

    A job that took the best setting of a search in parts tells its number in a metric.
    """
    told = training_job.get("HyperParameters") or {}
    given = {name: str(value) for name, value in told.items()}
    metrics = training_job.get("FinalMetricDataList") or []
    number = next((one["Value"] for one in metrics if one["MetricName"] == KEPT_SETTING), None)
    if number is None or SETTINGS not in given:
        return given
    settings = given.pop(SETTINGS)
    for name in (PART, SEARCHED):
        given.pop(name, None)
    return {**given, **settings_in(settings).get(int(number), {})}


def settings_in(table: str) -> Mapping[int, Setting]:
    """Return the settings of a table by number; none of what is no table."""
    try:
        return read_table(table.strip('"'))
    except ValueError:
        return {}


def searched_by(tuning_job: Any) -> Searched | None:
    """Read what a tuning job (its request, or its Describe answer) searches in parts, or None."""
    return read_searched(_member(_member(tuning_job, "TrainingJobDefinition"), _STATIC))


def count_in(tuned: Mapping[str, str]) -> int:
    """Count the settings of the part that a training job was dealt; 0 where it has none."""
    try:
        return len(numbers_of(tuned.get(PART, "")))
    except ValueError:
        return 0


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _range(name: str, kind: str, words: Sequence[str]) -> Mapping[str, Any]:
    if kind == "categorical":
        return {"Name": name, "Values": list(words)}
    low, high, scaling = words
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}
