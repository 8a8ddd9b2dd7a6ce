"""Keep in a model artifact what its pictures were like: a sample to compare others with.

reference.npz has, of a sample of the validation pictures, what the network that serves makes of
them: the head is surer of those it was trained on than of new ones. A few hundred kilobytes:
features are kept in the directions in which those of training pictures vary most.
"""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from job.errors import JobError
from knowing.units import Units
from known import unit_length

REFERENCE_FILE = "reference.npz"
MOST_PICTURES = 1000
_LEAST = 1e-6  # of the largest variance, in a direction

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Space:
    """Where features are compared, after they were made to length 1.

    `mean` (D,), `directions` (D, k) and `scale` (k,) lead to where training pictures vary by 1 in
    each direction; float16 is kept of the directions.
    """

    mean: Values
    directions: Values
    scale: Values

    def places(self, features: Values) -> Values:
        """Return features (N, D) as places (N, k)."""
        found = (unit_length(features) - self.mean) @ self.directions / self.scale
        return found.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Measured:
    """What is known of some pictures (N): places, looks and sizes, and what the model says.

    `sizes` (N, 2) are width and height as they came, empty when nobody kept them; `scores` is
    that of known.py, empty when the model tells no unknown pictures.
    """

    places: Values
    looks: Values
    sizes: Numbers
    labels: Numbers
    confidence: Values
    scores: Values


@dataclass(frozen=True)
class Reference:
    """The contents of reference.npz."""

    space: Space
    measured: Measured


def fit_space(train: Units) -> Space:
    """Find the directions in which features of training pictures vary most."""
    around = train.around_mean
    directions = around.most(_LEAST)
    variances = around.variances[: directions.shape[1]]
    scale = np.sqrt(np.maximum(variances, 1e-12)).astype(np.float32)
    return Space(train.mean, _kept(directions), scale)


def write_reference(folder: Path, reference: Reference) -> None:
    """Write reference.npz into `folder`: the same bytes for the same values."""
    parts = (reference.space, reference.measured)
    values = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
    half = {name: values[name].astype(np.float16) for name in ("directions", "places")}
    np.savez(folder / REFERENCE_FILE, **{**values, **half})
    (folder / REFERENCE_FILE).chmod(0o644)


def read_reference(folder: Path) -> Reference:
    """Read reference.npz of the artifact in `folder`. Raises JobError."""
    path = folder / REFERENCE_FILE
    if not path.is_file():
        raise JobError(
            f"the model has no {REFERENCE_FILE}, so there is nothing to compare pictures with: it "
            "was made by an older version, or without a graph; train it again, and deploy that"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        for name in ("directions", "places"):
            values[name] = values[name].astype(np.float32)
        space = Space(**{field.name: values[field.name] for field in fields(Space)})
        measured = Measured(**{field.name: values[field.name] for field in fields(Measured)})
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise JobError(f"{path.name} of the model cannot be used: {error}") from error
    return Reference(space, measured)


def _kept(values: npt.NDArray[np.float64]) -> Values:
    """Return values as they come back from the file: both samples are then led there alike."""
    return values.astype(np.float16).astype(np.float32)
