"""Each strategy chooses inside its ranges, and the same again from the same seed."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.definition.errors import DefinitionError
from pipeline.local.jobs.strategies import Search, read_ranges

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
LEARNING_RATE = {"ContinuousParameterRanges": RANGES["ContinuousParameterRanges"][:1]}
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


def _none(values: Mapping[str, str]) -> float:
    return 0.0


def _score(values: Mapping[str, str]) -> float:
    return -abs(math.log10(float(values["lr"])) + 2)


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_values_lie_in_their_ranges_and_the_seed_repeats_them(strategy: str) -> None:
    config = _config(strategy, StrategyConfig={"HyperbandStrategyConfig": {"MaxResource": 9}})
    tried = _search(config, RANGES, _score)
    assert tried == _search(config, RANGES, _score)
    assert tried != _search(config | {"RandomSeed": 2**31 - 1}, RANGES, _score)
    assert len({tuple(trial.values()) for trial in tried}) == 8
    for trial in tried:
        assert 1e-4 <= float(trial["lr"]) <= 1e-1
        assert 0.5 <= float(trial["momentum"]) <= 0.99
        assert 0.9 <= float(trial["decay"]) <= 0.999
        assert trial["layers"] in {"1", "2", "3", "4"}
        assert trial["optimizer"] in {"SGD", "Adam"}


@pytest.mark.parametrize("better", ["Maximize", "Minimize"])
def test_bayesian_learns_from_what_it_was_told(better: str) -> None:
    sign = 1 if better == "Maximize" else -1
    objective = {"Type": better, "MetricName": "score"}
    config = _config("Bayesian", 30, HyperParameterTuningJobObjective=objective)
    tried = _search(config, LEARNING_RATE, lambda values: sign * _score(values))
    late = [abs(math.log10(float(trial["lr"])) + 2) for trial in tried[15:]]
    assert sum(late) / len(late) < 0.5


@pytest.mark.parametrize(("jobs", "random"), [(4, 3), (9, 4), (33, 11)])
def test_bayesian_begins_at_random_until_it_knows_a_third_of_the_trials_or_ten(
    jobs: int, random: int
) -> None:
    # What trial n knows are the first n - 1; two at least.
    config = _config("Bayesian", jobs)
    tried = _search(config, LEARNING_RATE, _score)
    blind = _search(config | {"Strategy": "Random"}, LEARNING_RATE, _score)
    assert tried[:random] == blind[:random]
    assert tried[random] != blind[random]


def test_grid_tries_every_combination_once_in_order() -> None:
    tried = _search(_config("Grid", None), GRID, _none)
    assert [(trial["a"], trial["b"]) for trial in tried] == [
        ("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z"),
    ]  # fmt: skip


def test_grid_ends_at_the_number_of_jobs() -> None:
    assert len(_search(_config("Grid", 4), GRID, _none)) == 4
    assert len(_search(_config("Grid", 99), GRID, _none)) == 6


@pytest.mark.parametrize(
    ("kind", "low", "high", "scale", "middle"),
    [
        ("Continuous", "1e-4", "1e-1", "Logarithmic", 10**-2.5),
        ("Continuous", "0", "0.999", "ReverseLogarithmic", 1 - 10**-1.5),
        ("Continuous", "1", "99", "Linear", 50),
        ("Integer", "1", "10000", "Logarithmic", 100),
        ("Integer", "1", "99", "Linear", 50),
    ],
)
def test_a_range_is_even_on_its_scale(
    kind: str, low: str, high: str, scale: str, middle: float
) -> None:
    item = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}
    search = Search(_config("Random", 40), {f"{kind}ParameterRanges": [item]})
    tried = [search.open(number, []).parameters["x"] for number in range(search.size)]
    assert 13 <= sum(float(value) < middle for value in tried) <= 27


def test_auto_takes_a_logarithmic_scale_for_wide_ranges_alone() -> None:
    def scaling(low: str, high: str) -> str:
        item = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": "Auto"}
        return read_ranges({"ContinuousParameterRanges": [item]})[0].scaling

    assert scaling("1", "100") == "Logarithmic"
    assert scaling("1", "99") == "Linear"
    assert scaling("0", "100") == "Linear"


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 0.9), st.floats(1e-6, 0.09))
@example(0.1, 0.0)
def test_a_reverse_logarithmic_value_never_leaves_its_range(low: float, width: float) -> None:
    high = low + width
    item = {"Name": "x", "MinValue": repr(low), "MaxValue": repr(high)}
    ranges = {"ContinuousParameterRanges": [item | {"ScalingType": "ReverseLogarithmic"}]}
    for trial in _search(_config("Random", 3), ranges, _none):
        assert low <= float(trial["x"]) <= high


@pytest.mark.parametrize("better", ["Maximize", "Minimize"])
def test_early_stopping_stops_what_is_worse_than_the_median_of_averages(better: str) -> None:
    sign = 1 if better == "Maximize" else -1
    objective = {"Type": better, "MetricName": "score"}
    config = _config(
        "Random", TrainingJobEarlyStoppingType="Auto", HyperParameterTuningJobObjective=objective
    )
    search = Search(config, RANGES)
    finished = [search.open(0, []).close(None, pruned=False)]  # it said nothing, so it judges none
    for number, values in enumerate([(0.5, 1), (0.75, 1.25), (0.25, 0.5)], start=1):
        trial = search.open(number, finished)
        # Fewer than three earlier trials are too few to judge by.
        assert not any(trial.report(sign * value) for value in (*values, 0))
        finished.append(trial.close(0.0, pruned=False))
    # The earlier trials' averages after two reports are 0.75, 1 and 0.375.
    good, bad = search.open(4, finished), search.open(4, finished)
    assert not good.report(sign * 0.5)
    assert not good.report(sign * 0.75)
    assert not bad.report(sign * 0.5)
    assert bad.report(sign * 0.74)


@pytest.mark.parametrize(
    ("value", "pruned", "state"),
    [
        (0.5, False, "COMPLETE"),
        (0.5, True, "PRUNED"),
        (None, False, "FAIL"),
        (math.inf, False, "FAIL"),
    ],
)
def test_a_trial_is_remembered_as_what_it_ended_as(
    value: float | None, pruned: bool, state: str
) -> None:
    trial = Search(_config("Random"), LEARNING_RATE).open(0, [])
    trial.report(0.5)
    assert trial.close(value, pruned).state.name == state


def test_hyperband_stops_some_of_those_that_fall_behind_where_its_resources_say() -> None:
    resources = {"MinResource": 3, "MaxResource": 9}
    config = _config("Hyperband", 12, StrategyConfig={"HyperbandStrategyConfig": resources})
    search = Search(config, LEARNING_RATE)
    finished: list[Any] = []
    stopped = []
    for number in range(search.size):
        trial = search.open(number, finished)
        value = float(number % 4)
        at = next((epoch for epoch in range(1, 31) if trial.report(value)), None)
        finished.append(trial.close(value, pruned=at is not None))
        stopped += [(value, at)] if at else []
    assert 0 < len(stopped) < search.size
    assert 3.0 not in {value for value, _ in stopped}
    assert {at for _, at in stopped} == {3, 9}
    # A trial's bracket hangs on its number alone, not on how many have ended.
    late = [search.open(number, finished) for number in range(12, 20)]
    assert len({next(e for e in range(1, 31) if trial.report(0.0)) for trial in late}) > 1


def test_without_early_stopping_nothing_is_stopped() -> None:
    search = Search(_config("Random", TrainingJobEarlyStoppingType="Off"), RANGES)
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
        ({"x": ("-0.1", "0.5", "ReverseLogarithmic")}, "a reverse logarithmic range lies in 0 to"),
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


def test_a_range_of_one_value_is_that_value() -> None:
    item = {"Name": "layers", "MinValue": "3", "MaxValue": "3"}
    assert _search(_config("Random", 1), {"IntegerParameterRanges": [item]}, _none) == [
        {"layers": "3"}
    ]


def test_what_no_search_can_do_is_refused() -> None:
    layers = {"Name": "n", "MinValue": "1", "MaxValue": "4", "ScalingType": "ReverseLogarithmic"}
    with pytest.raises(DefinitionError, match="n: whole numbers have no reverse logarithmic scale"):
        read_ranges({"IntegerParameterRanges": [layers]})
    with pytest.raises(DefinitionError, match="the range of n is not of numbers"):
        read_ranges({"IntegerParameterRanges": [layers | {"MinValue": "1.5"}]})
    for kind in ("ContinuousParameterRanges", "IntegerParameterRanges"):
        with pytest.raises(DefinitionError, match="Grid search takes"):
            Search(_config("Grid"), {kind: RANGES[kind]})
    with pytest.raises(DefinitionError, match="MaxNumberOfTrainingJobs is missing"):
        Search(_config("Random", None), RANGES)
