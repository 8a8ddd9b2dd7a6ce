"""Train adds to the artifact training pictures that others may look like."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artifact import GRAPH_FILE
from monitoring.reference import REFERENCE_FILE
from pictures.dataset import open_split, read_contents
from prediction import open_model, predict
from training_examples import EXAMPLES_FILE, read_examples

Train = Callable[..., Any]


@pytest.fixture(scope="module")
def with_examples(train: Train) -> Any:
    """A training whose model carries all of its pictures."""
    return train(examples=1000)


def test_none_is_carried_where_none_is_asked_for(trained: Any) -> None:
    assert not (trained.model / EXAMPLES_FILE).exists()


def test_a_training_picture_looks_most_like_itself(with_examples: Any, prepared: Path) -> None:
    assert "examples: 36 of 36 training pictures" in with_examples.log
    examples, train = (
        read_examples(with_examples.model, 3),
        open_split(prepared / "dataset", "train"),
    )
    assert examples is not None
    model = open_model(with_examples.model, features=True)
    classes = model.description.classes
    features = predict(list(np.array(train.images)), model).features
    assert features is not None
    contents = read_contents(prepared / "dataset", "train")
    for row, found in enumerate(examples.nearest(features, classes, 3)):
        assert (found[0].file, found[0].sha256) == (train.files[row], contents[row])
        assert found[0].label == classes[train.labels[row]]
        assert found[0].similarity > 0.99
        assert found[0].similarity >= found[1].similarity >= found[2].similarity


def test_few_lie_evenly_so_that_all_classes_are_there(train: Train) -> None:
    few = train(examples=6, graph="none")
    assert "examples: 6 of 36 training pictures" in few.log
    found = read_examples(few.model, 3)
    assert found is not None
    assert set(found.labels) == {0, 1, 2}


def bytes_of_the_rest(folder: Path) -> int:
    """The size of an artifact, without a graph and without what pictures are told by."""
    others = (REFERENCE_FILE, GRAPH_FILE)
    files = [path for path in folder.iterdir() if path.is_file() and path.name not in others]
    return sum(path.stat().st_size for path in files)


def test_they_stay_within_their_share_of_the_artifact(
    trained: Any, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    projection, each = 2 * 1024 * 35, 100
    sample = (trained.model / REFERENCE_FILE).stat().st_size  # which monitoring compares with
    share = (sample + projection + 20 * each) / bytes_of_the_rest(trained.model)
    monkeypatch.setattr("knowing.examples_part.SHARE", share)
    found = read_examples(train(examples=1000, graph="none").model, 3)
    assert found is not None
    assert 10 < len(found.files) < 36
    monkeypatch.setattr("knowing.examples_part.SHARE", share / 2)
    assert "the artifact is too small to carry any" in train(examples=1000, graph="none").log


def test_without_pictures_there_are_no_names(train: Train) -> None:
    without = train(examples=1000, graph="none", dataset=None)
    assert "examples: none, as the job has no channel 'dataset'" in without.log
