"""The graphs in an artifact: Train makes them, checks them, and ends when one differs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graph
import inference
import prediction
from graphs.check import check_graph, check_int8
from graphs.export import GraphExportError
from job.errors import JobError
from pictures.dataset import Split, open_split
from tests.training_code.conftest import IN_INT8

Train = Callable[..., Any]


@pytest.fixture(scope="module")
def valid(prepared: Path) -> Split:
    """The validation pictures."""
    return open_split(prepared / "dataset", "valid")


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


def test_a_training_says_that_its_graph_agrees_with_pytorch(trained: Any) -> None:
    said = "graph: PyTorch's best class on 12 validation pictures, probabilities at most"
    assert said in trained.log


def test_as_many_pictures_as_are_needed_are_asked_about(
    trained: Any,
    valid: Split,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("graphs.check.CHECKED_PICTURES", 5)
    check_graph(trained.model, valid)
    assert "on 5 validation pictures" in capsys.readouterr().out


def test_a_graph_that_computes_something_else_is_refused(
    trained: Any, other: Path, valid: Split, tmp_path: Path
) -> None:
    model = changed(trained.model, tmp_path / "m", **{"model.onnx": other / "model.onnx"})
    with pytest.raises(JobError, match=r"does not compute.* of 12 validation.*serving\.graph"):
        check_graph(model, valid)


def test_a_training_whose_graph_differs_makes_no_model(
    train: Train, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(_module: object, _crop: int, path: Path, **_names: str) -> None:
        shutil.copy(other / "model.onnx", path)

    monkeypatch.setattr("graphs.serving.export_graph", export)
    with pytest.raises(JobError, match=r"model\.onnx does not compute what the network does"):
        train()


def test_a_network_that_is_no_graph_ends_the_training(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object, **_names: str) -> None:
        raise GraphExportError("Classifier is no graph: aten::fold")

    monkeypatch.setattr("graphs.serving.export_graph", export)
    with pytest.raises(JobError, match=r"aten::fold\. Use another backbone, or set serving\.graph"):
        train()


def test_a_damaged_graph_is_refused(trained: Any, valid: Split, tmp_path: Path) -> None:
    model = changed(trained.model, tmp_path / "m")
    (model / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(JobError, match=r"model\.onnx is no usable graph"):
        check_graph(model, valid)


def test_a_graph_that_cannot_be_run_here_is_refused(
    trained: Any, valid: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(JobError, match=r"cannot be checked: model\.onnx needs onnxruntime"):
        check_graph(trained.model, valid)


def test_a_graph_needs_pictures_to_be_checked_on(train: Train) -> None:
    with pytest.raises(JobError, match="graph is onnx, but the job has no channel 'dataset'"):
        train(dataset=None)
    assert not (train(dataset=None, graph="none").model / "model.onnx").exists()


def test_without_onnxruntime_pytorch_serves_the_same(
    trained: Any, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = next((prepared / "data").rglob("*.png")).read_bytes()
    with_graph = inference.respond(inference.model_fn(str(trained.model)), picture, "image/png", "")
    monkeypatch.setattr("runtimes.available", lambda: False)
    model = inference.model_fn(str(trained.model))
    assert model.runtime == "torch"
    answer = inference.respond(model, picture, "image/png", "")
    first, second = (
        json.loads(a.text)["predictions"][0]["probability_list"] for a in (with_graph, answer)
    )
    assert first == pytest.approx(second, abs=1e-5)
    assert graph.available()


def test_an_int8_graph_serves_when_it_is_there_and_is_measured(in_int8: Any) -> None:
    assert inference.model_fn(str(in_int8.model)).runtime == "int8"
    assert "int8: accuracy " in in_int8.log and " on 12 validation pictures" in in_int8.log
    small, whole = (in_int8.model / name for name in ("model.int8.onnx", "model.onnx"))
    assert small.stat().st_size < whole.stat().st_size


def test_an_int8_graph_that_loses_too_much_is_refused(in_int8: Any, valid: Split) -> None:
    with pytest.raises(JobError, match=r"in int8 .* more than serving\.int8_tolerance \(-1\)"):
        check_int8(in_int8.model, valid, -1)


def test_the_same_training_gives_the_same_graphs(in_int8: Any, train: Train) -> None:
    again = train(**IN_INT8).model
    for name in ("model.onnx", "model.int8.onnx"):
        assert (again / name).read_bytes() == (in_int8.model / name).read_bytes(), name
        assert (again / name).stat().st_mode & 0o044 == 0o044


def test_a_runtime_can_be_asked_for(trained: Any) -> None:
    for name in ("graph", "torch"):
        assert prediction.open_model(trained.model, name).runtime == name
