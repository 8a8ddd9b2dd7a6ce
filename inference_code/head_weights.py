"""Read the head of a model artifact without PyTorch: four small arrays of model.safetensors."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import WEIGHTS_FILE, ArtifactError

Array = npt.NDArray[np.float32]

_MOST_HEADER = 10_000_000  # bytes


@dataclass(frozen=True)
class HeadWeights:
    """A head: logits are `weights` (classes, D) times (features - `mean` (D,)), and `bias`."""

    weights: Array
    bias: Array
    mean: Array

    def relative(self, label: int) -> Array:
        """Return a class's weights, less the mean of all: what says it rather than the others."""
        weights: Array = self.weights[label] - self.weights.mean(axis=0)
        return weights


def read_head(folder: Path) -> HeadWeights:
    """Read the head of the artifact in `folder`. Raises ArtifactError."""
    path = folder / WEIGHTS_FILE
    names = ("head.mean", "head.std", "head.linear.weight", "head.linear.bias")
    try:
        mean, std, weights, bias = _read(path, names)
        return HeadWeights(weights / std, bias, mean)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} holds no head that can be read: {error}") from error


def _read(path: Path, names: tuple[str, ...]) -> list[Array]:
    """Read tensors of a safetensors file: the size of a header, the header in JSON, then values."""
    found = []
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _MOST_HEADER:
            raise ValueError(f"a header of {size:,} bytes")
        header = json.loads(file.read(size))
        for name in names:
            shape, (start, end) = header[name]["shape"], header[name]["data_offsets"]
            if header[name]["dtype"] != "F32" or end - start != 4 * math.prod(shape):
                raise ValueError(f"{name} is not of 32-bit floats")
            file.seek(8 + size + start)
            found.append(np.frombuffer(file.read(end - start), "<f4").reshape(shape))
    return found
