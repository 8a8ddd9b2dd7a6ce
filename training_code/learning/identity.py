"""Say what a training is made of: a checkpoint of another one is never gone on with."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch

from extraction.feature_files import FeatureInfo, features_path
from hyperparameters import Hyperparameters
from job.provenance import package_versions, sha256_of
from learning.distributed import Replicas

Identity = Mapping[str, str]
_CODE = Path(__file__).resolve().parents[1]


def identity_of(
    settings: Hyperparameters, info: FeatureInfo, features: Path, replicas: Replicas
) -> dict[str, str]:
    """Return a fingerprint of each thing that the result depends on, by what it is of."""
    machines = {"processes": replicas.count, "gpu": torch.cuda.is_available()}
    return {
        "hyperparameters": _digest(asdict(settings)),
        "data": _digest([asdict(info), *(sha256_of(file) for file in _data_files(features))]),
        "code": _digest([[name, sha256_of(file)] for name, file in sorted(_code_files())]),
        "packages": _digest(package_versions()),
        "machines": _digest(machines),
    }


def differences(kept: object, own: Identity) -> list[str]:
    """Return the names of what differs between a checkpoint's identity and a training's own."""
    other = kept if isinstance(kept, dict) else {}
    return [name for name, digest in own.items() if other.get(name) != digest]


def _data_files(features: Path) -> list[Path]:
    return [
        path
        for split in ("train", "valid")
        for path in (features_path(features, split), features / f"{split}.labels.npy")
    ]


def _code_files() -> list[tuple[str, Path]]:
    """List the job's Python files, with their names: in a job, inference_code lies among them."""
    folders = (_CODE, _CODE.parent / "inference_code")
    return [
        (path.relative_to(folder).as_posix(), path)
        for folder in folders
        for path in folder.rglob("*.py")
    ]


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
