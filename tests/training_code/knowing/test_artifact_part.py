"""Train adds to the artifact what tells pictures of no class, fitted on what it serves."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import inference
from artifact import GRAPH_FILE, ArtifactError
from known import KNOWN_FILE, read_known
from pictures.dataset import open_split
from prediction import open_model, predict
from runtimes import FEATURES

Train = Callable[..., Any]
SHARE = 0.1  # as in `knowing`


def squares(prepared: Path, split: str) -> list[Any]:
    return list(np.array(open_split(prepared / "dataset", split).images))


def test_a_training_that_refuses_nothing_makes_the_artifact_of_before(trained: Any) -> None:
    assert not (trained.model / KNOWN_FILE).exists()
    assert "unknown pictures" not in trained.log


def test_the_served_graph_knows_its_own_pictures_better_than_noise(
    knowing: Any, prepared: Path
) -> None:
    model = open_model(knowing.model)
    assert model.runtime == "graph"
    noise = np.random.default_rng(0).integers(0, 256, (20, 3, 40, 40), dtype=np.uint8)
    own = predict(squares(prepared, "valid"), model)
    other = predict(list(noise), model)
    assert own.distances is not None
    assert other.distances is not None
    assert own.limit is not None
    assert (own.distances.min(axis=1) > own.limit).mean() <= SHARE
    own_score, other_score = (np.median(one.distances.min(axis=1)) for one in (own, other))
    assert own_score < other_score


def test_the_log_says_how_many_it_would_refuse(knowing: Any) -> None:
    """The threshold is the largest of the 12 scores, which is not above itself."""
    assert "; 0.0% of 12 validation pictures would be refused" in knowing.log


def test_an_answer_says_so(knowing: Any, prepared: Path) -> None:
    picture = next((prepared / "data").rglob("*.png")).read_bytes()
    model = inference.model_fn(str(knowing.model))
    answer = inference.respond(model, picture, "image/png", "")
    found = json.loads(answer.text)["predictions"][0]
    assert found["known"] is True


def test_pytorch_says_the_same(knowing: Any, prepared: Path) -> None:
    graph, torch = (
        predict(squares(prepared, "valid"), open_model(knowing.model, runtime)).distances
        for runtime in ("graph", "torch")
    )
    np.testing.assert_allclose(graph, torch, rtol=1e-2, atol=1e-2)


def test_the_same_training_writes_the_same_bytes(knowing: Any, train: Train) -> None:
    again = train(refuse_at=SHARE).model / KNOWN_FILE
    assert again.read_bytes() == (knowing.model / KNOWN_FILE).read_bytes()


def test_after_fine_tuning_it_is_fitted_on_what_the_changed_network_computes(
    train: Train, prepared: Path
) -> None:
    tuned = train(refuse_at=SHARE, fine_tune_blocks=1, fine_tune_epochs=1, fine_tune_lr=0.01)
    assert "features as served: 36 of 36" in tuned.log
    model = open_model(tuned.model)
    found = predict(squares(prepared, "valid"), model)
    assert found.distances is not None
    assert found.limit is not None
    assert (found.distances.min(axis=1) > found.limit).mean() <= SHARE


def test_in_8_bits_the_threshold_is_that_of_the_graph_in_8_bits(
    in_int8: Any, prepared: Path
) -> None:
    assert re.search(r"features as served: 12 of 12", in_int8.log)
    found = predict(squares(prepared, "valid"), open_model(in_int8.model, "int8"))
    assert found.distances is not None
    assert found.limit is not None
    assert (found.distances.min(axis=1) > found.limit).mean() <= SHARE


def test_without_a_graph_the_cached_features_do(train: Train) -> None:
    model = train(refuse_at=SHARE, graph="none", dataset=None).model
    assert read_known(model, 3) is not None


def test_too_few_validation_pictures_refuse_nothing_and_the_log_says_how_many_would_do(
    train: Train,
) -> None:
    few = train(refuse_at=0.05, graph="none")
    assert "12 validation pictures are too few" in few.log
    assert "19 would do" in few.log
    known = read_known(few.model, 3)
    assert known is not None
    assert known.limit is None


def test_features_of_a_graph_of_an_older_version_cannot_be_had(
    trained: Any, tmp_path: Path
) -> None:
    older = shutil.copytree(trained.model, tmp_path / "older")
    graph = onnx.load(older / GRAPH_FILE)
    for node in graph.graph.node:
        node.output[:] = ["others" if name == FEATURES else name for name in node.output]
        node.input[:] = ["others" if name == FEATURES else name for name in node.input]
    for output in graph.graph.output:
        output.name = "others" if output.name == FEATURES else output.name
    onnx.save(graph, older / GRAPH_FILE)
    assert open_model(older).runtime == "graph"  # it goes on serving
    with pytest.raises(ArtifactError, match=r"model\.onnx .* has no output features: .* train"):
        open_model(older, features=True)
