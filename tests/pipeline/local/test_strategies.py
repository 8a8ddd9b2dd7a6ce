"""Each strategy chooses inside its ranges, and the same again from the same seed."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.failures import DefinitionError
from pipeline.local.strategies import Search, read_ranges

RANGES = {
    "ContinuousParameterRanges": [
        {"Name": "lr", "MinValue": "1e-4", "MaxValue": "1e-1", "ScalingType": "Logarithmic"},
        {"Name": "momentum", "MinValue": "0.5", "MaxValue": "0.99", "ScalingType": "Linear"},
        {"Name": "decay", "MinValue": "0.9", "MaxValue": "0.999",
         "ScalingType": "ReverseLogarithmic"},
    ],
    "IntegerParameterRanges": [{"Name": "layers", "MinValue": "1", "MaxValue": "4"}],
    "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["SGD", "Adam"]}],
}  # fmt: skip
GRID = {
    "CategoricalParameterRanges": [
        {"Name": "a", "Values": ["1", "2"]},
        {"Name": "b", "Values": ["x", "y", "z"]},
    ]
}


def _config(strategy: str, jobs: int | None = 8, **extra: Any) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": 2} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    return {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": limits,
        "RandomSeed": 3,
        **extra,
    }


def _search(
    config: Mapping[str, Any],
    ranges: Mapping[str, Any],
    score: Callable[[Mapping[str, str]], float],
) -> list[dict[str, str]]:
    """Run a whole search in order; every trial knows those up to two before it."""
    search = Search(config, ranges)
    frozen: list[Any] = []
    tried = []
    for number in range(search.size):
        trial = search.open(number, frozen[: max(0, number - 1)])
        tried.append(dict(trial.parameters))
        value = score(trial.parameters)
        pruned = trial.report(value)
        frozen.append(trial.close(value, pruned))
    return tried


def _score(values: Mapping[str, str]) -> float:
    return -abs(math.log10(float(values["lr"])) + 2)


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_values_lie_in_their_ranges_and_the_seed_repeats_them(strategy: str) -> None:
    config = _config(strategy, StrategyConfig={"HyperbandStrategyConfig": {"MaxResource": 9}})
    tried = _search(config, RANGES, _score)
    assert tried == _search(config, RANGES, _score)
    assert tried != _search(config | {"RandomSeed": 4}, RANGES, _score)
    assert len({tuple(trial.values()) for trial in tried}) == 8
    for trial in tried:
        assert 1e-4 <= float(trial["lr"]) <= 1e-1
        assert 0.5 <= float(trial["momentum"]) <= 0.99
        assert 0.9 <= float(trial["decay"]) <= 0.999
        assert trial["layers"] in {"1", "2", "3", "4"}
        assert trial["optimizer"] in {"SGD", "Adam"}


def test_bayesian_learns_from_what_it_was_told() -> None:
    config = _config("Bayesian", 30)
    tried = _search(config, RANGES, _score)
    blind = _search(config, RANGES, lambda values: 0.0)
    assert tried[:10] == blind[:10]
    assert tried[10:] != blind[10:]
    late = [abs(math.log10(float(trial["lr"])) + 2) for trial in tried[15:]]
    assert sum(late) / len(late) < 0.5


def test_grid_tries_every_combination_once_in_order() -> None:
    tried = _search(_config("Grid", None), GRID, lambda values: 0.0)
    assert [(trial["a"], trial["b"]) for trial in tried] == [
        ("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z"),
    ]  # fmt: skip


def test_grid_ends_at_the_number_of_jobs() -> None:
    assert len(_search(_config("Grid", 4), GRID, lambda values: 0.0)) == 4
    assert len(_search(_config("Grid", 99), GRID, lambda values: 0.0)) == 6


def test_a_logarithmic_range_is_even_on_its_scale() -> None:
    ranges = {"ContinuousParameterRanges": [RANGES["ContinuousParameterRanges"][0]]}
    tried = _search(_config("Random", 200), ranges, _score)
    below = sum(float(trial["lr"]) < 10**-2.5 for trial in tried)
    assert 70 <= below <= 130


def test_auto_takes_a_logarithmic_scale_for_wide_ranges_alone() -> None:
    def scaling(low: str, high: str) -> str:
        item = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": "Auto"}
        return read_ranges({"ContinuousParameterRanges": [item]})[0].scaling

    assert scaling("1e-5", "1e-1") == "Logarithmic"
    assert scaling("0.1", "0.9") == "Linear"
    assert scaling("0", "100") == "Linear"


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 0.9), st.floats(1e-6, 0.09))
def test_a_reverse_logarithmic_value_never_leaves_its_range(low: float, width: float) -> None:
    high = low + width
    item = {"Name": "x", "MinValue": repr(low), "MaxValue": repr(high)}
    ranges = {"ContinuousParameterRanges": [item | {"ScalingType": "ReverseLogarithmic"}]}
    for trial in _search(_config("Random", 3), ranges, lambda values: 0.0):
        assert low <= float(trial["x"]) <= high


@pytest.mark.parametrize("better", ["Maximize", "Minimize"])
def test_early_stopping_stops_what_is_worse_than_the_median_of_averages(better: str) -> None:
    sign = 1 if better == "Maximize" else -1
    objective = {"Type": better, "MetricName": "score"}
    config = _config(
        "Random", TrainingJobEarlyStoppingType="Auto", HyperParameterTuningJobObjective=objective
    )
    search = Search(config, RANGES)
    finished = []
    for number, values in enumerate([(0.4, 0.6), (0.6, 0.8), (0.8, 1.0)]):
        trial = search.open(number, finished)
        # Fewer than three earlier trials are too few to judge by.
        assert not any(trial.report(sign * value) for value in values)
        finished.append(trial.close(sign * values[-1], pruned=False))
    # The earlier trials' averages after two reports are 0.5, 0.7 and 0.9.
    good, bad = search.open(3, finished), search.open(3, finished)
    assert not good.report(sign * 0.6)
    assert not good.report(sign * 0.71)
    assert not bad.report(sign * 0.6)
    assert bad.report(sign * 0.69)


def test_hyperband_stops_some_of_the_trials_that_fall_behind() -> None:
    config = _config("Hyperband", 12, StrategyConfig={"HyperbandStrategyConfig": {
        "MinResource": 1, "MaxResource": 9}})  # fmt: skip
    search = Search(config, RANGES)
    finished: list[Any] = []
    stopped = []
    for number in range(search.size):
        trial = search.open(number, finished)
        value = float(number % 4)
        lost = any(trial.report(value) for _ in range(9))
        finished.append(trial.close(value, pruned=lost))
        stopped += [value] if lost else []
    assert 0 < len(stopped) < search.size
    assert 3.0 not in stopped


def test_without_early_stopping_nothing_is_stopped() -> None:
    search = Search(_config("Random"), RANGES)
    finished: list[Any] = []
    for number in range(6):
        trial = search.open(number, finished)
        assert not trial.report(-number)
        finished.append(trial.close(-number, pruned=False))


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "no ParameterRanges"),
        ({"x": ("0.5", "0.1", "Linear")}, "the range of x is empty: 0.5 to 0.1"),
        ({"x": ("0", "1", "Logarithmic")}, "x: a logarithmic range begins above 0"),
        ({"x": ("0", "1", "ReverseLogarithmic")}, "x: a reverse logarithmic range lies in 0 to 1"),
        ({"x": ("low", "1", "Linear")}, "the range of x is not of numbers"),
    ],
)
def test_a_useless_range_is_refused(ranges: Any, message: str) -> None:
    items = [
        {"Name": n, "MinValue": low, "MaxValue": high, "ScalingType": scale}
        for n, (low, high, scale) in ranges.items()
    ]
    with pytest.raises(DefinitionError, match=re.escape(message)):
        read_ranges({"ContinuousParameterRanges": items})


def test_a_grid_of_numbers_and_a_search_without_an_end_are_refused() -> None:
    with pytest.raises(DefinitionError, match="Grid search takes"):
        Search(_config("Grid"), RANGES)
    with pytest.raises(DefinitionError, match="MaxNumberOfTrainingJobs is missing"):
        Search(_config("Random", None), RANGES)
