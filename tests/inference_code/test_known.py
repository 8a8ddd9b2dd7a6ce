"""known.npz: what an answer says of a picture that shows none of the classes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from artifact import ArtifactError
from inference import metrics_text, model_fn, respond
from known import KNOWN_FILE, Known, read_known, write_known
from prediction import Model, Predictions, open_model
from serving_metrics import ServingMetrics

CLASSES = ("beagle", 'the "big", bad wolf', "Жук 🐶")
UNKNOWN = ("known", "score", "threshold", "nearest")


def floats(*values: Any) -> Any:
    return np.array(values, np.float32)


def known(threshold: float = 3.0, temperature: float = 1.0) -> Known:
    """Three classes on a circle of features (2,), each of variance 1."""
    return Known(
        mean=floats(0, 0),
        projection=4 * floats([1, 0], [0, 1]),
        centres=4 * floats([1, 0], [0, 1], [-1, 0]),
        spread=floats(10, 10),
        temperature=floats(temperature),
        threshold=floats(threshold),
        promised=floats([1, 0.2, 0.5]),
    )


def model_of(model: Model, features: Any, told: Known) -> Model:
    logits = floats([2, 1, 0])
    outputs = np.hstack([logits, floats(features)])
    metrics = ServingMetrics(CLASSES, tells_unknown=True)
    batcher = Mock(run=lambda _rows: (outputs, 1))
    return replace(model, batcher=batcher, known=told, metrics=metrics)


def answered(model: Model, picture: bytes, accept: str = "application/json") -> Any:
    answer = respond(model, picture, "image/jpeg", accept)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)["predictions"][0] if "json" in accept else answer.text


def test_a_picture_of_a_class_is_known(model: Model, picture: Any) -> None:
    found = answered(model_of(model, [0.0, 7.0], known()), picture())
    assert found["known"] is True
    assert found["score"] < found["threshold"] == 3
    assert "nearest" not in found


def test_a_picture_of_no_class_is_unknown_and_its_nearest_classes_are_named(
    model: Model, picture: Any
) -> None:
    found = answered(model_of(model, [0.3, -1.0], known()), picture())
    assert found["known"] is False
    assert found["score"] > found["threshold"]
    assert found["nearest"] == [CLASSES[0], CLASSES[2], CLASSES[1]]
    assert found["label"] == CLASSES[0]  # clients that look no further go on as before


@pytest.mark.parametrize(
    ("score", "is_known"), [(3, True), (np.nextafter(np.float32(3), np.float32(4)), False)]
)
def test_a_score_of_exactly_the_threshold_is_known(score: float, is_known: bool) -> None:
    distances = floats([score, 9, 9])
    found = Predictions(CLASSES, floats([1, 0, 0]), distances=distances, limit=known(3).limit)
    assert found.known == (is_known,)


def test_unknown_pictures_are_counted(model: Model, picture: Any) -> None:
    told = model_of(model, [0.3, -1.0], known())
    for _ in range(2):
        answered(told, picture())
    assert "model_unknown_total 2\n" in metrics_text(told)
    assert "model_unknown_total 0\n" in metrics_text(model_of(model, [0.0, 7.0], known()))


def test_without_a_threshold_every_picture_is_known(model: Model, picture: Any) -> None:
    found = answered(model_of(model, [0.3, -1.0], known(threshold=np.inf)), picture())
    assert (found["known"], found["threshold"]) == (True, None)


def test_the_temperature_changes_probabilities_and_no_label(model: Model, picture: Any) -> None:
    sure, calm = (
        answered(model_of(model, [1, 0], known(temperature=value)), picture()) for value in (1, 2)
    )
    assert sure["label"] == calm["label"]
    powers = np.exp(floats(2, 1, 0) / 2)
    assert calm["probability_list"] == pytest.approx(powers / powers.sum(), abs=1e-6)
    assert sure["probability"] > calm["probability"]


def test_rows_of_text_stay_what_they_were(model: Model, picture: Any) -> None:
    row = answered(model_of(model, [0.3, -1.0], known()), picture(), "text/csv")
    assert len(row.split(",")) == 2 + len(CLASSES)


def test_a_model_without_it_says_nothing_of_it(model: Model, picture: Any) -> None:
    assert not set(UNKNOWN) & set(answered(model, picture()))


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_known(tmp_path, known())
    first = (tmp_path / KNOWN_FILE).read_bytes()
    found = read_known(tmp_path, 3)
    assert found is not None
    assert found.limit == 3
    write_known(tmp_path, found)
    assert (tmp_path / KNOWN_FILE).read_bytes() == first


@pytest.mark.parametrize("damage", ["cut", "no archive", "other classes"])
def test_a_damaged_one_is_refused_when_the_model_is_loaded(
    model_dir: Path, tmp_path: Path, damage: str
) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    write_known(folder, known())
    path = folder / KNOWN_FILE
    if damage == "other classes":
        write_known(folder, replace(known(), centres=floats([1, 0], [0, 1])))
    else:
        path.write_bytes(path.read_bytes()[:300] if damage == "cut" else b"no archive")
    with pytest.raises(ArtifactError, match=r"known\.npz cannot be used"):
        open_model(folder)


def test_one_for_another_network_is_refused_when_the_model_is_loaded(
    model_dir: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    write_known(folder, known())  # of features (2,), and the network's are (1024,)
    with pytest.raises(ArtifactError, match="holds a model that cannot answer"):
        model_fn(str(folder))
