"""Write a run's model as MLflow has models: its graph, and an MLmodel file with the signature.

`mlflow.onnx.load_model` and `mlflow.pyfunc.load_model` take it from there; what pictures become
before, and the classes in order, is in the file's metadata.
"""

import json
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import PipelineError

# As inference_code/artifact.py names them: the first that is there serves.
_GRAPHS = ("model.int8.onnx", "model.onnx")
_DESCRIPTION = "model.json"
_INPUT, _OUTPUT = "pictures", "logits"  # as training_code/graphs names them


class NotLoggedError(PipelineError):
    """A part of a run is not logged in MLflow; the message says why."""


def write_model(archive: Path, folder: Path, most_bytes: int) -> bool:
    """Write the graph in a model.tar.gz, its description and MLmodel into `folder`.

    Returns False for a model without a graph (serving.graph), which is not written. Raises
    NotLoggedError for a graph of more than `most_bytes`, and what is damaged.
    """
    folder.mkdir(parents=True)
    try:
        graph = _extract(archive, folder, most_bytes)
        if graph is None:
            return False
        described = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        content = _mlmodel(graph, described)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, LookupError, OSError) as error:
        raise NotLoggedError(f"{archive.name} cannot be read: {error}") from error
    (folder / "MLmodel").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return True


def _extract(archive: Path, folder: Path, most_bytes: int) -> str | None:
    with tarfile.open(archive, "r:*") as members:
        found = {Path(one.name).as_posix(): one for one in members if one.isfile()}
        graph = next((name for name in _GRAPHS if name in found), None)
        if graph is None:
            return None
        if found[graph].size > most_bytes:
            size = f"{found[graph].size / 1e6:.0f} MB"
            raise NotLoggedError(f"its graph has {size}, more than tracking.max_artifact_mb")
        for name in (graph, _DESCRIPTION):
            source = members.extractfile(found[name])
            if source is not None:
                with source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    return graph


def _mlmodel(graph: str, described: Mapping[str, Any]) -> dict[str, Any]:
    pixels, classes = described["preprocessing"], described["classes"]
    versions = described.get("versions") or {}
    crop = int(pixels["crop"])
    return {
        "artifact_path": "model",
        "flavors": {
            "onnx": {
                "onnx_version": versions.get("onnx"),
                "data": graph,
                "providers": ["CPUExecutionProvider"],
                "code": None,
            },
            "python_function": {
                "loader_module": "mlflow.onnx",
                "data": graph,
                "python_version": versions.get("python"),
            },
        },
        "metadata": {"classes": list(classes), "preprocessing": dict(pixels)},
        "signature": {
            "inputs": json.dumps([_tensor(_INPUT, [-1, 3, crop, crop])]),
            "outputs": json.dumps([_tensor(_OUTPUT, [-1, len(classes)])]),
            "params": None,
        },
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _tensor(name: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": shape}}
