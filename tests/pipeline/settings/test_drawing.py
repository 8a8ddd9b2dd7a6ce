"""The settings of a search in parts are drawn from the ranges and the seed alone."""

import pytest

from pipeline.command_line.running import ROOT
from pipeline.settings.drawing import drawn_parts, drawn_settings, drawn_table
from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from training_code.searching.settings_table import read_table

PARTS = ("tuning.strategy=Random", "tuning.max_jobs=20", "tuning.settings_per_trial=7")
NO_NUMBERS = "tuning.ranges={lr: null, weight_decay: null, batch_size: null"
NO_RANGES = f"{NO_NUMBERS}, optimizer: null"


def settings_with(*overrides: str) -> Settings:
    return load_settings(ROOT / "pipeline.yaml", None, (*PARTS, *overrides))


def test_twenty_settings_are_three_parts() -> None:
    settings = settings_with()
    assert drawn_parts(settings) == ["1-7", "8-14", "15-20"]
    assert list(read_table(drawn_table(settings)).values()) == drawn_settings(settings)


def test_they_are_the_same_each_time_and_others_with_another_seed() -> None:
    assert drawn_settings(settings_with()) == drawn_settings(settings_with())
    assert drawn_settings(settings_with("tuning.seed=1")) != drawn_settings(settings_with())


def test_more_of_them_begin_with_the_same_ones() -> None:
    few, more = drawn_settings(settings_with()), drawn_settings(settings_with("tuning.max_jobs=21"))
    assert more[:20] == few


def test_they_lie_evenly_on_the_scale_of_the_range() -> None:
    lrs = [float(one["lr"]) for one in drawn_settings(settings_with())]
    assert all(0.0001 <= lr <= 0.01 for lr in lrs)
    assert 8 <= sum(lr < 0.001 for lr in lrs) <= 12  # half of a logarithmic range
    sizes = [one["batch_size"] for one in drawn_settings(settings_with())]
    assert {6, 7, 8} >= {sizes.count(size) for size in ("32", "64", "128")}


@pytest.mark.parametrize(
    ("range_", "low", "high"),
    [
        ("epochs: {type: integer, min: 2, max: 4}", 2, 4),
        ("epochs: {type: integer, min: 2, max: 400, scaling: Logarithmic}", 2, 400),
        ("label_smoothing: {type: continuous, min: 0.0, max: 0.123456}", 0, 0.123456),
        (
            "label_smoothing: {type: continuous, min: 0.9, max: 0.9999, "
            "scaling: ReverseLogarithmic}",
            *(0.9, 0.9999),
        ),
    ],
)
def test_every_scale_stays_within_its_range(range_: str, low: float, high: float) -> None:
    settings = settings_with(f"{NO_RANGES}, {range_}}}", "tuning.max_parallel_jobs=1")
    (name,) = drawn_settings(settings)[0]
    found = [float(one[name]) for one in drawn_settings(settings)]
    assert all(low <= value <= high for value in found)
    assert len(set(found)) == len(found) >= 3


def test_no_setting_is_tried_twice_even_if_there_are_fewer() -> None:
    ranges = f"{NO_NUMBERS}, optimizer: [SGD, AdamW]}}"
    settings = settings_with(ranges, "tuning.max_parallel_jobs=1")
    assert sorted(one["optimizer"] for one in drawn_settings(settings)) == ["AdamW", "SGD"]


def test_a_grid_tries_every_combination() -> None:
    ranges = (
        "tuning.ranges={lr: null, weight_decay: null, optimizer: [SGD, AdamW], "
        "batch_size: [16, 32, 64]}"
    )
    settings = settings_with("tuning.strategy=Grid", ranges, "tuning.max_parallel_jobs=1")
    found = drawn_settings(settings)
    assert len(found) == 6 and found[0] == {"batch_size": "16", "optimizer": "SGD"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tuning.strategy=Bayesian"], "a Bayesian search chooses a setting by the results of"),
        (
            ["tuning.strategy=Hyperband", "tuning.early_stopping=false"],
            "a Hyperband search chooses a setting by the results of",
        ),
        (["tuning.settings_per_trial=10"], "3 is more than the 2 trials that 20 settings make"),
        (
            ["tuning.settings_per_trial=2", "tuning.max_jobs=70"],
            "70 settings make 35 trials, at most 30 are possible",
        ),
        (
            ["tuning.settings_per_trial=99", "tuning.max_jobs=300"],
            "of 2,500 that a job can be told",
        ),
        (["tuning.spot.max_wait_minutes=600"], "begins anew when interrupted: set it to false"),
        (["tuning.strategy=Grid"], "does not go with Grid"),
        (["tuning.ranges.lr={type: continuous, min: 0, max: 1, scaling: Logarithmic}"], "above 0"),
    ],
)
def test_a_search_that_cannot_be_in_parts_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_with(*overrides)
