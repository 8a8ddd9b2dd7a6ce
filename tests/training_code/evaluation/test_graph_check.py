"""The graphs in an artifact: made by Train, checked by Evaluate, refused when they differ."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import prediction
from evaluate import main
from job.errors import JobError

Train = Callable[..., Any]
Pack = Callable[[Path, Path], Path]
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def evaluate(pack: Pack, prepared: Path, tmp_path: Path) -> Evaluate:
    """Packs a model folder and evaluates it; answers evaluation.json's `serving`."""

    def run(model: Path, *arguments: str) -> dict[str, Any]:
        folders = {
            "model": pack(model, tmp_path),
            "test": prepared / "test",
            "evaluation": tmp_path,
        }
        main([*(part for k, v in folders.items() for part in (f"--{k}", str(v))), *arguments])
        serving: dict[str, Any] = json.loads((tmp_path / "evaluation.json").read_text())["serving"]
        return serving

    return run


@pytest.fixture(scope="module")
def in_int8(train: Train, prepared: Path) -> Path:
    """The model folder of a training with an int8 graph."""
    folder: Path = train(dataset=prepared / "dataset", int8=True).model
    return folder


@pytest.fixture(scope="module")
def other(train: Train) -> Path:
    """The model folder of a training that learned another head."""
    folder: Path = train(lr=1.0, epochs=2, seed=3).model
    return folder


def changed(model: Path, folder: Path, **files: Path) -> Path:
    """A copy of an artifact with other files in it."""
    shutil.copytree(model, folder)
    for name, source in files.items():
        shutil.copy(source, folder / name)
    return folder


def test_a_model_is_served_by_its_graph_which_agrees_with_pytorch(
    trained: Any, evaluate: Evaluate
) -> None:
    serving = evaluate(trained.model)
    assert serving["runtime"] == "graph"
    assert set(serving["runtimes"]) == {"graph", "torch"}
    found = serving["runtimes"]["graph"]
    assert found["same_best_class"] == 12
    assert 0 < found["largest_difference"] < 1e-4
    assert found["accuracy"] == serving["runtimes"]["torch"]["accuracy"]


def test_a_graph_that_computes_something_else_is_refused(
    trained: Any, other: Path, evaluate: Evaluate, tmp_path: Path
) -> None:
    model = changed(trained.model, tmp_path / "m", **{"model.onnx": other / "model.onnx"})
    with pytest.raises(JobError, match=r"model\.onnx does not compute.*Set serving\.graph to none"):
        evaluate(model)


def test_a_damaged_graph_is_refused(trained: Any, evaluate: Evaluate, tmp_path: Path) -> None:
    model = changed(trained.model, tmp_path / "m")
    (model / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(JobError, match=r"model\.onnx is no usable graph"):
        evaluate(model)


def test_a_graph_that_cannot_be_checked_here_is_refused(
    trained: Any, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(JobError, match=r"model\.onnx"):
        evaluate(trained.model)


def test_a_model_without_a_graph_is_served_by_pytorch(train: Train, evaluate: Evaluate) -> None:
    model = train(graph="none").model
    assert not (model / "model.onnx").exists()
    assert evaluate(model) == {"runtime": "torch", "runtimes": {}}


def test_an_int8_graph_serves_when_it_is_there_and_is_measured(
    in_int8: Path, evaluate: Evaluate
) -> None:
    serving = evaluate(in_int8, "--int8-tolerance", "0.5")
    assert serving["runtime"] == "int8"
    assert set(serving["runtimes"]) == {"graph", "int8", "torch"}
    assert serving["runtimes"]["int8"]["largest_difference"] > 1e-4  # it is another arithmetic
    assert (in_int8 / "model.int8.onnx").stat().st_size < (in_int8 / "model.onnx").stat().st_size


def test_an_int8_graph_that_loses_too_much_is_refused(
    in_int8: Path, evaluate: Evaluate, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match=r"in int8 .* more than serving\.int8_tolerance \(-1\)"):
        evaluate(in_int8, "--int8-tolerance", "-1")


def test_the_same_training_gives_the_same_graphs(
    in_int8: Path, train: Train, prepared: Path
) -> None:
    again = train(dataset=prepared / "dataset", int8=True).model
    for name in ("model.onnx", "model.int8.onnx"):
        assert (again / name).read_bytes() == (in_int8 / name).read_bytes(), name
        assert (again / name).stat().st_mode & 0o044 == 0o044


def test_int8_without_pictures_is_explained(train: Train) -> None:
    with pytest.raises(JobError, match="int8 is true, but the job has no channel 'dataset'"):
        train(int8=True)


def test_a_runtime_can_be_asked_for(trained: Any) -> None:
    for name in ("graph", "torch"):
        assert prediction.open_model(trained.model, name).runtime == name
