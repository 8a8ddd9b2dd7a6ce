"""Opening and running a graph: what goes wrong is said in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

import graph
from graph import Graph, GraphError, open_graph

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_graph(path: Path) -> Path:
    """The mean of each channel: (N, 3, 4, 4) -> (N, 3)."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("ReduceMean", ["pictures"], ["means"], axes=[2, 3], keepdims=0)
    taken = helper.make_tensor_value_info("pictures", kind, ["N", 3, 4, 4])
    given = helper.make_tensor_value_info("means", kind, ["N", 3])
    made = helper.make_graph([node], "means", [taken], [given])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(made, opset_imports=[opset], ir_version=8), path)
    return path


@pytest.fixture
def means(tmp_path: Path) -> Graph:
    return open_graph(write_graph(tmp_path / "means.onnx"), threads=1)


def test_it_runs_any_number_of_pictures_in_any_memory_order(means: Graph) -> None:
    batch = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    turned = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for one in (batch, batch[:1], turned):
        assert means.run(one).dtype == np.float32
        np.testing.assert_allclose(means.run(one), one.mean((2, 3)), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (2, 1, 4, 4), (3, 4, 4)])
def test_another_shape_is_refused(means: Graph, shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match=r"means\.onnx cannot run: .*(dimension|rank)"):
        means.run(np.zeros(shape, np.float32))


def test_another_type_is_refused(means: Graph) -> None:
    with pytest.raises(GraphError, match=r"cannot run: .*type"):
        means.run(np.zeros((1, 3, 4, 4), np.float64))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, b"", b"no graph at all", b"\x08\x08" * 50])
def test_what_is_no_graph_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GraphError, match=r"broken\.onnx is no usable graph"):
        open_graph(path)


def test_without_onnxruntime_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graph(tmp_path / "means.onnx")
    assert graph.available()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(GraphError, match="needs onnxruntime"):
        open_graph(path)
