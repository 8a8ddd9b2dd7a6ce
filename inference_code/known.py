"""Tell whether a picture shows one of the classes that the model knows, from its features.

The score is the relative Mahalanobis distance: that to the nearest class, less that to all training
pictures together, of features of length 1 in the few directions in which they vary most. Above the
threshold a picture is of none of the classes. Training writes known.npz; it may be absent.
"""

import math
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import ArtifactError

KNOWN_FILE = "known.npz"
_TINY = np.finfo(np.float32).tiny

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """The contents of known.npz, float32.

    `mean` (D,) and `projection` (D, k) lead features to where each class varies by 1 in every
    direction around its row of `centres` (classes, k), and all pictures by `spread` (k,), a
    variance, around 0. `temperature` (1,) divides logits; `threshold` (1,) is the largest score of
    a known picture, infinite when there were too few to choose one. `promised` (points, 3) has
    pictures, confidence and how many are right: of the surest validation pictures, up to all.
    """

    mean: Array
    projection: Array
    centres: Array
    spread: Array
    temperature: Array
    threshold: Array
    promised: Array

    def distances(self, features: Array) -> Array:
        """Return how far features (N, D) are from each class, less than from all: (N, classes)."""
        directions, origin, squares, excess = self._fixed
        # a few pictures at a time: one dot product after another beats a matrix product's set-up
        places = np.vecdot(features[:, None], directions) / _lengths(features) - origin
        distances: Array = squares - 2 * np.vecdot(places[:, None], self.centres)
        distances += np.vecdot(places * places, excess)[:, None]
        return distances

    @cached_property
    def _fixed(self) -> tuple[Array, Array, Array, Array]:
        """What no picture changes: directions (k, D), the mean along them, |centres|^2, weights.

        A squared place is added for the class, and over `spread` taken away for all pictures.
        """
        directions = np.ascontiguousarray(self.projection.T)
        squares: Array = np.vecdot(self.centres, self.centres)
        excess: Array = np.float32(1) - np.float32(1) / self.spread
        return directions, self.mean @ self.projection, squares, excess

    @property
    def limit(self) -> float | None:
        """The threshold; None where there is none."""
        value = float(self.threshold[0])
        return value if math.isfinite(value) else None


def unit_length(features: Array) -> Array:
    """Return features (N, D) scaled to length 1: how much there is on a picture says nothing."""
    result: Array = features / _lengths(features)
    return result


def _lengths(features: Array) -> Array:
    lengths: Array = np.sqrt(np.vecdot(features, features))[:, None]
    return np.maximum(lengths, _TINY)


def write_known(folder: Path, known: Known) -> None:
    """Write known.npz into `folder`: the same bytes for the same values."""
    values = {field.name: getattr(known, field.name) for field in fields(Known)}
    np.savez(folder / KNOWN_FILE, **values)
    (folder / KNOWN_FILE).chmod(0o644)


def read_known(folder: Path, classes: int) -> Known | None:
    """Read known.npz in `folder`; None when there is none. Raises ArtifactError."""
    path = folder / KNOWN_FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            known = Known(**{field.name: file[field.name] for field in fields(Known)})
        dimension, directions = known.projection.shape
        shapes = (known.mean.shape, known.centres.shape, known.spread.shape)
        if shapes != ((dimension,), (classes, directions), (directions,)):
            raise ValueError(f"its arrays do not fit {classes} classes and one another")
        return known
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} cannot be used: {error}") from error
