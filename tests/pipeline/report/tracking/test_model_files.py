"""A model's graph, as MLflow itself loads it."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.report.tracking.model_files import NotLoggedError, write_model

DESCRIPTION = {
    "classes": ["beagle", "<pug>"],
    "preprocessing": {"crop": 2, "resize": 4},
    "versions": {"onnx": "1.21.0"},
}


def graph() -> bytes:
    """Sums a picture's numbers into the first of two outputs."""
    from onnx import TensorProto, checker, helper

    weights = np.zeros((12, 2), dtype=np.float32)
    weights[:, 0] = 1
    nodes = [
        helper.make_node("Flatten", ["pictures"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["N", 3, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel())],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def archive(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as members:
        for name, content in files.items():
            (folder / name).write_bytes(content)
            members.add(folder / name, name)
    return path


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_mlflow_loads_it_and_knows_what_it_takes(tmp_path: Path, name: str) -> None:
    from mlflow.models import Model
    from mlflow.pyfunc import load_model

    files = {"model.json": json.dumps(DESCRIPTION).encode(), "model.onnx": b"-", name: graph()}
    assert write_model(archive(tmp_path, files), tmp_path / "model", 10_000)
    described = Model.load(str(tmp_path / "model"))
    assert described.metadata["classes"] == DESCRIPTION["classes"]
    (given,), (answered,) = described.signature.inputs.inputs, described.signature.outputs.inputs
    assert (given.name, given.shape) == ("pictures", (-1, 3, 2, 2))
    assert (answered.name, answered.shape) == ("logits", (-1, 2))
    loaded = load_model(str(tmp_path / "model"))
    answer = loaded.predict(np.ones((1, 3, 2, 2), dtype=np.float32))
    assert answer["logits"].tolist() == [[12.0, 0.0]]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"model.json": b"{}", "model.onnx": b"x" * 20_000}, "max_artifact_mb"),
        ({"model.json": b"no json", "model.onnx": b"x"}, "cannot be read"),
        ({"model.json": b"{}", "model.onnx": b"x"}, "cannot be read"),
    ],
)
def test_what_is_no_such_model_is_said(
    tmp_path: Path, files: Mapping[str, bytes], says: str
) -> None:
    with pytest.raises(NotLoggedError, match=says):
        write_model(archive(tmp_path, files), tmp_path / "model", 10_000)


def test_a_model_without_a_graph_is_not_written(tmp_path: Path) -> None:
    packed = archive(tmp_path, {"model.json": b"{}"})
    assert not write_model(packed, tmp_path / "model", 10_000)


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"no archive")
    with pytest.raises(NotLoggedError, match="cannot be read"):
        write_model(path, tmp_path / "model", 10_000)
