"""Name the training pictures that a picture looks like: those whose features point the same way.

The artifact carries examples.npz for it: of a sample of the training pictures, what their features
are in the few directions that hold most of them, in 8 bits; it may be absent.
"""

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import ArtifactError
from known import unit_length

EXAMPLES_FILE = "examples.npz"
LARGEST = 127  # of 8 bits with a sign

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A training picture: its name, its content's sha256, its class and how alike it is, up to 1.

    `similarity` is the cosine of the angle between the features, in the directions that are kept.
    """

    file: str
    sha256: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Examples:
    """The contents of examples.npz: N training pictures.

    `projection` (D, k), float16, leads features of length 1 to `places` (N, k), int8, times `scale`
    (k,). `labels` (N,) are class numbers, `contents` (N, 32) the bytes of each file's sha256.
    """

    projection: npt.NDArray[np.float16]
    scale: Array
    places: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int32]
    contents: npt.NDArray[np.uint8]
    files: tuple[str, ...]

    def nearest(self, features: Array, classes: tuple[str, ...], count: int) -> list[list[Example]]:
        """Return for each row of features (M, D) the `count` nearest examples, nearest first."""
        asked = unit_length(unit_length(features) @ self.projection.astype(np.float32))
        alike = asked @ self._units.T
        order = np.argsort(-alike, axis=1, kind="stable")[:, :count]
        return [
            [self._example(row, float(alike[place, row]), classes) for row in rows]
            for place, rows in enumerate(order)
        ]

    @cached_property
    def _units(self) -> Array:
        """The places, each of length 1."""
        return unit_length(self.places * self.scale)

    def _example(self, row: int, similarity: float, classes: tuple[str, ...]) -> Example:
        sha256, label = self.contents[row].tobytes().hex(), classes[self.labels[row]]
        return Example(self.files[row], sha256, label, similarity)


def write_examples(folder: Path, examples: Examples) -> None:
    """Write examples.npz into `folder`: the same bytes for the same values."""
    names = json.dumps(examples.files, ensure_ascii=False, separators=(",", ":")).encode()
    np.savez(
        folder / EXAMPLES_FILE,
        projection=examples.projection,
        scale=examples.scale,
        places=examples.places,
        labels=examples.labels,
        contents=examples.contents,
        files=np.frombuffer(names, np.uint8),
    )
    (folder / EXAMPLES_FILE).chmod(0o644)


def read_examples(folder: Path, classes: int) -> Examples | None:
    """Read examples.npz in `folder`; None when there is none. Raises ArtifactError."""
    path = folder / EXAMPLES_FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        names = tuple(json.loads(values.pop("files").tobytes()))
        found = Examples(**values, files=names)
        rows, directions = found.places.shape
        shapes = (found.projection.shape[1:], found.scale.shape, found.contents.shape)
        if shapes != ((directions,), (directions,), (rows, 32)):
            raise ValueError("its arrays do not fit one another")
        if not (len(names) == len(found.labels) == rows and found.labels.min() >= 0):
            raise ValueError("its pictures are not as many as their names and classes")
        if found.labels.max() >= classes:
            raise ValueError(f"its pictures are of more than {classes} classes")
        return found
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} cannot be used: {error}") from error
