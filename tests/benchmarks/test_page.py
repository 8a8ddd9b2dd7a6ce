"""The figures in docs are those of the recorded runs."""

from typing import Any

import pytest

from benchmarks.page import (
    BEGIN,
    DOCS,
    END,
    SECTIONS,
    NoPlace,
    better,
    debugging,
    overhead,
    read_results,
    serving,
    training,
    with_section,
)


def spread(value: float, runs: int = 3) -> dict[str, float]:
    return {"median": value, "min": value / 2, "max": 2 * value, "runs": runs}


def test_the_page_says_what_the_results_say() -> None:
    results = read_results()
    assert results
    assert not any(result["quick"] for result in results.values())
    for name, write in SECTIONS.items():
        page = (DOCS / name).read_text()
        assert with_section(page, write(results)) == page, f"{name}: python -m benchmarks.page"


def test_figures_replace_those_between_the_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_section(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_a_place_is_refused(page: str) -> None:
    with pytest.raises(NoPlace, match="needs the lines"):
        with_section(page, "new")


def test_training_shows_medians_with_their_spread() -> None:
    one: dict[str, Any] = {
        "epoch_seconds": spread(100.0),
        "run_seconds": spread(50.0),
        "run_per_epoch": spread(0.5),
        "after_features_per_pass": spread(0.25),
        "after_features_seconds": spread(10.0),
        "speed": spread(3.0, runs=1),
    }
    one["by_lbfgs"] = {**one, "run_per_epoch": spread(0.4)}
    rows = training({"backbones": {"resnet18": one}}).splitlines()
    assert rows[0].endswith("| resnet18 |")
    assert "0.50 (0.25 to 1.00)" in rows[4]
    assert "3.00 (one run)" in rows[7]
    assert "0.40 (0.20 to 0.80)" in rows[9]


def test_serving_shows_ratios_and_leaves_out_what_was_not_measured() -> None:
    one = {
        "ratio": {"usual": 1.0, "ours": 0.4, "local": 0.3},
        "milliseconds": {"usual": {"p50": 30.0}},
        "test": {"same_top1": {"ours": 839}, "pictures": 840},
    }
    row = serving({"picture": [400, 500], "backbones": {"resnet18": one}}).splitlines()[-1]
    assert row == "| resnet18 | 30.0 ms | 0.40 |  | 0.30 |  | 839/840 |"


@pytest.mark.parametrize(
    ("weights", "said"),
    [("pretrained", "0.20 (-5.0 points)"), ("random", "0.20 (random weights: accuracy not known)")],
)
def test_int8_is_shown_with_what_it_costs(weights: str, said: str) -> None:
    one = {
        "weights": weights,
        "ratio": {"usual": 1.0, "ours": 0.4, "local": 0.3, "int8": 0.2},
        "milliseconds": {"usual": {"p50": 30.0}},
        "test": {
            "same_top1": {"ours": 840},
            "pictures": 840,
            "accuracy": {"ours": 0.65, "int8": 0.6},
        },
    }
    assert said in serving({"picture": [400, 500], "backbones": {"resnet50": one}})


def test_medians_of_the_runner() -> None:
    text = overhead({"step_seconds": [0.3, 0.1, 0.2], "trial_seconds": [0.05]})
    assert text == "The local runner's own time: 0.20 s a step and 0.05 s a trial."


def test_advice_is_shown_with_what_it_brought_and_how_sure_that_is() -> None:
    one = {"mean": 0.5, "standard_deviation": 0.0, "runs": 1, "only_changed_right": 0}
    one |= {"only_unchanged_right": 0, "difference": 0.0}
    views = one | {"mean": 0.75, "only_changed_right": 30, "only_unchanged_right": 5}
    views |= {"difference": 0.25, "difference_low": 0.1, "difference_high": 0.4}
    result = {"data": "dogs", "pictures": 1000, "test_pictures": 100}
    changes = {"the run of the README": one, "features.views=4": views}
    text = better(result | {"changes": changes, "not_measured": ["tuning.max_jobs=24"]})
    rows = text.splitlines()
    assert "dogs: one run, 1,000 pictures, 100 of them test" in rows[0]
    assert rows[2] == "| the run of the README | 50.0 % | 0.0 | 0 / 0 |"
    assert rows[3] == "| `features.views=4` | 75.0 % | +25.0 (+10.0 to +40.0) | 30 / 5 |"
    assert rows[-1] == "Not measured: tuning.max_jobs=24."


def test_what_watching_costs() -> None:
    more = {"profiler": {"wall": spread(0.01), "own": spread(0.002)}}
    parts = {"head": {"steps": 10, "more": more}}
    row = debugging({"parts": parts}).splitlines()[-1]
    assert row == "| head, 10 steps: profiler | +1.0% (+0% to +2%) | 0.2% |"
