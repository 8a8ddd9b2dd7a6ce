"""Read and write the folder of features that ExtractFeatures makes and training uses.

A folder holds `features.json`, `backbone.safetensors` (without head) and, for train and valid,
`<split>.npy` (float32, (views, N, D)) and `<split>.labels.npy` (int64, (N,)), and, for train,
`train.statistics.npy` (float32, (2, D)): each feature's mean and standard deviation.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from job.errors import JobError
from preprocessing import Preprocessing

INFO_FILE = "features.json"
BACKBONE_FILE = "backbone.safetensors"


@dataclass(frozen=True)
class FeatureInfo:
    """The contents of features.json; `mean` and `std` normalised the backbone's pictures.

    `seed` is the backbone's; `fingerprint` is the data set's; `weights_sha256` is None when the
    backbone's weights were drawn and not loaded.
    """

    backbone: str
    seed: int
    dimension: int
    views: int
    crop: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights_sha256: str | None
    fingerprint: str
    classes: tuple[str, ...]
    versions: Mapping[str, str]

    def preprocessing(self) -> Preprocessing:
        """Return the settings that turn a stored square into the network's input."""
        return Preprocessing.from_dict(asdict(self))


@dataclass(frozen=True)
class Features:
    """A split's features: `values` float32 (views, N, D), mapped from disk; `labels` int64 (N,).

    `statistics` are each feature's mean and standard deviation (D,), where they are written.
    """

    values: Tensor
    labels: Tensor
    statistics: tuple[Tensor, Tensor] | None = None


def write_info(folder: Path, info: FeatureInfo) -> None:
    """Write features.json."""
    text = json.dumps(asdict(info), indent=1, ensure_ascii=False)
    (folder / INFO_FILE).write_text(text + "\n", encoding="utf-8")


def read_info(folder: Path) -> FeatureInfo:
    """Read features.json; raise JobError when it is missing or incomplete."""
    path = folder / INFO_FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values = {field.name: found[field.name] for field in fields(FeatureInfo)}
    except (OSError, ValueError, KeyError) as error:
        raise JobError(
            f"{path} cannot be read ({error}): the channel must hold what features.py wrote"
        ) from error
    for name in ("mean", "std", "classes"):
        values[name] = tuple(values[name])
    return FeatureInfo(**values)


def read_features(folder: Path, split: str) -> Features:
    """Open a split without reading its values; raise JobError when it is missing or damaged."""
    try:
        # copy on write: shared between trials, and torch is not told that it is read-only
        values = np.load(features_path(folder, split), mmap_mode="c", allow_pickle=False)
        labels = np.load(folder / f"{split}.labels.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise JobError(f"{split} features in {folder} cannot be read: {error}") from error
    if values.ndim != 3 or len(labels) != values.shape[1] or not len(labels):
        raise JobError(f"{split} features in {folder}: {values.shape} for {len(labels)} labels")
    statistics = _read_statistics(folder, split, values.shape[2])
    return Features(torch.from_numpy(values), torch.from_numpy(labels), statistics)


def _read_statistics(folder: Path, split: str, dimension: int) -> tuple[Tensor, Tensor] | None:
    """Read a split's statistics; None where there are none. Raises JobError for damaged ones."""
    path = _statistics_path(folder, split)
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JobError(f"{path} cannot be read: {error}") from error
    if found.shape != (2, dimension) or found.dtype != np.float32:
        raise JobError(f"{path}: {found.shape} of {found.dtype} for {dimension} features")
    mean, std = torch.from_numpy(found)
    return mean, std


def write_statistics(folder: Path, split: str, mean: Tensor, std: Tensor) -> None:
    """Write a split's means and standard deviations (D,)."""
    np.save(_statistics_path(folder, split), torch.stack([mean, std]).numpy())


def _statistics_path(folder: Path, split: str) -> Path:
    return folder / f"{split}.statistics.npy"


def features_path(folder: Path, split: str) -> Path:
    """Return the path of a split's features."""
    return folder / f"{split}.npy"


def write_header(file: Any, shape: tuple[int, int, int]) -> None:
    """Start a float32 .npy file, whose rows then follow in order, as plain bytes."""
    fields_ = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields_)


def write_labels(folder: Path, split: str, labels: npt.NDArray[np.int64]) -> None:
    """Write a split's labels, int64 (N,)."""
    np.save(folder / f"{split}.labels.npy", labels)
