"""The metrics, against small cases worked out by hand and against each other."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.model_quality import Outcomes, calibration, join, multiclass_metrics, outcomes_of

CLASSES = ["cat", "dog", "emu"]


def probabilities(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.fixture
def metrics() -> dict:
    """5 cats (2 right, 3 called dog), 3 dogs (2 right, 1 called cat), no emu."""
    actual = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    cat, dog = [0.7, 0.2, 0.1], [0.1, 0.9, 0.0]
    outcomes = outcomes_of(actual, probabilities([cat] * 2 + [dog] * 5 + [cat]))
    return multiclass_metrics(outcomes, CLASSES)


def test_the_confusion_matrix_is_actual_then_predicted(metrics: dict) -> None:
    assert metrics["confusion_matrix"] == {
        "cat": {"cat": 2, "dog": 3, "emu": 0},
        "dog": {"cat": 1, "dog": 2, "emu": 0},
        "emu": {"cat": 0, "dog": 0, "emu": 0},
    }


def test_accuracy_and_its_standard_error(metrics: dict) -> None:
    assert metrics["accuracy"] == {"value": 4 / 8, "standard_deviation": "NaN"}
    error = (4 / 8 * 4 / 8 / 8) ** 0.5
    assert metrics["accuracy_standard_error"]["value"] == pytest.approx(error)


def test_weighted_metrics_count_each_class_by_its_pictures(metrics: dict) -> None:
    of_cats_and_dogs = {
        "weighted_recall": (2 / 5, 2 / 3),
        "weighted_precision": (2 / 3, 2 / 5),
        "weighted_f0_5": (10 / 17, 10 / 23),
        "weighted_f1": (1 / 2, 1 / 2),
        "weighted_f2": (10 / 23, 10 / 17),
    }
    for name, (cats, dogs) in of_cats_and_dogs.items():
        assert metrics[name]["value"] == pytest.approx(cats * 5 / 8 + dogs * 3 / 8), name


def test_the_best_constant_answer_is_the_largest_class(metrics: dict) -> None:
    assert metrics["accuracy_best_constant_classifier"]["value"] == pytest.approx(5 / 8)
    precision = metrics["weighted_precision_best_constant_classifier"]["value"]
    assert precision == pytest.approx(5 / 8 * 5 / 8)


def test_a_class_without_pictures_or_predictions_has_no_recall_or_precision(metrics: dict) -> None:
    assert metrics["per_class"]["cat"] == {"recall": 2 / 5, "precision": 2 / 3, "count": 5}
    assert metrics["per_class"]["emu"] == {"recall": None, "precision": None, "count": 0}


def test_top_5_is_of_at_most_all_classes(metrics: dict) -> None:
    assert metrics["top_5_accuracy"] == {"value": 1.0, "k": 3}


def test_top_5_needs_the_class_among_the_five_best() -> None:
    row = [0.3, 0.2, 0.15, 0.13, 0.12, 0.06, 0.04]
    outcomes = outcomes_of(np.arange(7), probabilities([row] * 7))
    assert outcomes.in_top.tolist() == [True] * 5 + [False] * 2


def test_calibration_is_the_mean_gap_between_confidence_and_accuracy(metrics: dict) -> None:
    by_hand = 3 / 8 * (0.7 - 2 / 3) + 5 / 8 * (0.9 - 2 / 5)
    assert metrics["expected_calibration_error"]["value"] == pytest.approx(by_hand)
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5])
    actual, predicted = np.zeros(6, np.int64), np.array([0, 0, 0, 1, 0, 0])
    found = calibration(Outcomes(actual, predicted, confidence, predicted == 0))
    assert found["value"] == pytest.approx(4 / 6 * (0.95 - 0.75) + 2 / 6 * (1 - 0.5))
    assert [entry["count"] for entry in found["bins"]] == [2, 4]
    assert (found["bins"][0]["lower"], found["bins"][0]["upper"]) == (7 / 15, 8 / 15)


def test_certainty_falls_into_the_last_bin() -> None:
    sure = Outcomes(np.zeros(2, np.int64), np.zeros(2, np.int64), np.ones(2), np.ones(2, bool))
    found = calibration(sure)
    assert found["value"] == 0
    assert found["bins"][0]["upper"] == 1


@pytest.mark.parametrize(("rows", "known"), [(199, False), (200, True)])
def test_the_deviation_is_given_from_200_rows_on(rows: int, known: bool) -> None:
    random = np.random.default_rng(0)
    outcomes = outcomes_of(random.integers(0, 3, rows), random.random((rows, 3), np.float32))
    deviation = multiclass_metrics(outcomes, CLASSES)["accuracy"]["standard_deviation"]
    assert (deviation != "NaN") == known


def test_the_deviation_is_that_between_samples_of_four_fifths() -> None:
    variances = []
    for seed in range(150):
        right = np.random.default_rng(seed).random(200) < 0.5
        outcomes = Outcomes(np.zeros(200, np.int64), (~right).astype(np.int64), right * 1.0, right)
        found = multiclass_metrics(outcomes, CLASSES[:2])["accuracy"]
        variances.append(found["standard_deviation"] ** 2)
    # of the mean of 160 drawn from 200, none twice
    assert np.mean(variances) == pytest.approx(0.5 * 0.5 / 160 * 40 / 200, rel=0.15)


def test_batches_do_not_matter() -> None:
    random = np.random.default_rng(1)
    actual, values = random.integers(0, 3, 250), random.random((250, 3), np.float32)
    parts = [outcomes_of(actual[i : i + 7], values[i : i + 7]) for i in range(0, 250, 7)]
    whole = multiclass_metrics(outcomes_of(actual, values), CLASSES)
    assert multiclass_metrics(join(parts), CLASSES) == whole


@given(st.data())
def test_the_numbers_agree_with_each_other(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 30))
    seed = data.draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    actual, values = random.integers(0, 3, rows), random.random((rows, 3), np.float32)
    found = multiclass_metrics(outcomes_of(actual, values), CLASSES)
    json.dumps(found, allow_nan=False)
    matrix = np.array([list(row.values()) for row in found["confusion_matrix"].values()])
    assert matrix.sum() == rows
    assert found["accuracy"]["value"] == pytest.approx(np.trace(matrix) / rows)
    assert found["weighted_recall"]["value"] == pytest.approx(found["accuracy"]["value"])
    assert found["top_5_accuracy"]["value"] == 1.0
    assert 0 <= found["expected_calibration_error"]["value"] <= 1
