"""The metrics, against small cases worked out by hand and against each other."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_quality import Outcomes, calibration, join, multiclass_metrics, outcomes_of

CLASSES = ["cat", "dog", "emu"]


def probabilities(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.fixture
def metrics() -> dict:
    """4 cats (3 right, 1 called dog), 2 dogs (1 right, 1 called cat), no emu."""
    actual = np.array([0, 0, 0, 0, 1, 1])
    cat, dog = [0.7, 0.2, 0.1], [0.1, 0.9, 0.0]
    outcomes = outcomes_of(actual, probabilities([cat, cat, cat, dog, dog, cat]))
    return multiclass_metrics(outcomes, CLASSES)


def test_the_confusion_matrix_is_actual_then_predicted(metrics: dict) -> None:
    assert metrics["confusion_matrix"] == {
        "cat": {"cat": 3, "dog": 1, "emu": 0},
        "dog": {"cat": 1, "dog": 1, "emu": 0},
        "emu": {"cat": 0, "dog": 0, "emu": 0},
    }


def test_accuracy_and_its_standard_error(metrics: dict) -> None:
    assert metrics["accuracy"] == {"value": pytest.approx(4 / 6), "standard_deviation": "NaN"}
    error = (4 / 6 * 2 / 6 / 6) ** 0.5
    assert metrics["accuracy_standard_error"]["value"] == pytest.approx(error)


def test_weighted_metrics_count_each_class_by_its_pictures(metrics: dict) -> None:
    recall, precision = (3 / 4) * 4 / 6 + (1 / 2) * 2 / 6, (3 / 4) * 4 / 6 + (1 / 2) * 2 / 6
    assert metrics["weighted_recall"]["value"] == pytest.approx(recall)
    assert metrics["weighted_precision"]["value"] == pytest.approx(precision)
    assert metrics["weighted_f1"]["value"] == pytest.approx(recall)  # equal in each class here


def test_the_best_constant_answer_is_the_largest_class(metrics: dict) -> None:
    assert metrics["accuracy_best_constant_classifier"]["value"] == pytest.approx(4 / 6)
    precision = metrics["weighted_precision_best_constant_classifier"]["value"]
    assert precision == pytest.approx(4 / 6 * 4 / 6)


def test_a_class_without_pictures_or_predictions_has_no_recall_or_precision(metrics: dict) -> None:
    assert metrics["per_class"]["cat"] == {"recall": 0.75, "precision": 0.75, "count": 4}
    assert metrics["per_class"]["emu"] == {"recall": None, "precision": None, "count": 0}


def test_top_5_is_of_at_most_all_classes(metrics: dict) -> None:
    assert metrics["top_5_accuracy"] == {"value": 1.0, "k": 3}


def test_top_5_needs_the_class_among_the_five_best() -> None:
    row = [0.3, 0.2, 0.15, 0.13, 0.12, 0.06, 0.04]
    outcomes = outcomes_of(np.arange(7), probabilities([row] * 7))
    assert outcomes.in_top.tolist() == [True] * 5 + [False] * 2


def test_calibration_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5])
    actual, predicted = np.zeros(6, np.int64), np.array([0, 0, 0, 1, 0, 0])
    found = calibration(Outcomes(actual, predicted, confidence, predicted == 0))
    assert found["value"] == pytest.approx(4 / 6 * (0.95 - 0.75) + 2 / 6 * (1 - 0.5))
    assert [entry["count"] for entry in found["bins"]] == [2, 4]


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
    if known:
        assert 0 < deviation < 0.1


def test_batches_do_not_matter() -> None:
    random = np.random.default_rng(1)
    actual, values = random.integers(0, 3, 50), random.random((50, 3), np.float32)
    parts = [outcomes_of(actual[i : i + 7], values[i : i + 7]) for i in range(0, 50, 7)]
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
