"""Describe and unpack the model artifact: training writes it, evaluation and serving read it.

model.safetensors   weights of backbone and head
model.onnx          the same network as a graph, which serves where onnxruntime is; may be absent
model.int8.onnx     the graph in 8-bit integers, which then serves instead; may be absent
model.json          what they are: backbone, classes in order, preprocessing, provenance
known.npz           what tells pictures of none of the classes (known.py); may be absent
examples.npz        training pictures that others look like (training_examples.py); may be absent
rules.json          how the debugger's rules ended in the training; may be absent
code/               inference.py and what it imports

The network in it is torch_model.py's, or graph.py's: nothing here needs PyTorch.
"""

import gzip
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from preprocessing import Preprocessing

WEIGHTS_FILE = "model.safetensors"
GRAPH_FILE = "model.onnx"
INT8_GRAPH_FILE = "model.int8.onnx"
DESCRIPTION_FILE = "model.json"
MAX_ARCHIVE_BYTES = 8_000_000_000
MAX_ARCHIVE_MEMBERS = 1_000
_CHUNK_BYTES = 1_000_000


class ArtifactError(ValueError):
    """A model artifact is incomplete, damaged or unsafe; the message says which and where."""


@dataclass(frozen=True)
class ModelDescription:
    """The content of model.json: what serving needs besides the weights, and their provenance.

    `classes` are in the order of the network's outputs. `data_fingerprint` is the data set's;
    `weights_sha256` that of the pretrained weights file, None when training began without one.
    """

    backbone: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    seed: int
    data_fingerprint: str
    weights_sha256: str | None
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `from_dict` reads them back."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelDescription":
        """Read what `to_dict` wrote; unknown keys are ignored. Raises ValueError."""
        missing = [field.name for field in fields(cls) if field.name not in values]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        known = {field.name: values[field.name] for field in fields(cls)}
        classes = known["classes"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise ValueError("classes must be a list of names")
        if not isinstance(known["preprocessing"], Mapping):
            raise ValueError("preprocessing must hold resize, crop, mean and std")
        known["classes"] = tuple(classes)
        known["preprocessing"] = Preprocessing.from_dict(known["preprocessing"])
        return cls(**known)


def write_description(folder: Path, description: ModelDescription) -> None:
    """Write model.json into `folder`: the same bytes for the same description."""
    text = json.dumps(description.to_dict(), indent=2, allow_nan=False)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> ModelDescription:
    """Read model.json in `folder`; raises ArtifactError when it is missing or damaged."""
    path = folder / DESCRIPTION_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        return ModelDescription.from_dict(values)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be used as a model's description: {error}") from error


def extract_archive(
    archive: Path,
    folder: Path,
    max_bytes: int = MAX_ARCHIVE_BYTES,
    max_members: int = MAX_ARCHIVE_MEMBERS,
) -> None:
    """Extract a .tar.gz into `folder`: files and folders that stay inside it, nothing else.

    Raises ArtifactError for what is no archive or a damaged one, holds links, devices or paths
    that lead outside, or would unpack to more than `max_bytes` or `max_members`; extraction stops
    there.
    """
    total = 0
    too_much = ArtifactError(
        f"{archive} unpacks to more than {max_members:,} files or {max_bytes:,} bytes: it is not "
        "extracted further"
    )
    try:
        with gzip.open(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for count, member in enumerate(tar, start=1):
                total += member.size
                if count > max_members or total > max_bytes:
                    raise too_much
                if not (member.isreg() or member.isdir()):
                    raise ArtifactError(f"{archive} holds {member.name!r}, no plain file or folder")
                tar.extract(member, folder, filter="data")
            if _has_more_than(max_bytes - total, file):
                raise too_much
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArtifactError(f"{archive} cannot be extracted: {error}") from error


def _has_more_than(most: int, rest: gzip.GzipFile) -> bool:
    """Check whether over `most` bytes follow a tar's members; if not, gzip's checksum was right."""
    most += tarfile.RECORDSIZE  # tar itself fills its last record
    # gzip's checksum comes after all of it, and tarfile stops where the members end
    while most >= 0 and (chunk := rest.read(_CHUNK_BYTES)):
        most -= len(chunk)
    return most < 0
