"""Add to a model artifact what pictures are compared with once it is deployed: reference.npz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from knowing.units import Units
from known import Known
from monitoring.looks import looks_of
from monitoring.reference import (
    MOST_PICTURES,
    Measured,
    Reference,
    fit_space,
    write_reference,
)
from pictures.dataset import open_split, read_sizes, spread_rows

Values = npt.NDArray[np.float32]


def add_reference(
    folder: Path,
    train: Units,
    valid: tuple[Values, Values],
    known: Known | None,
    dataset: Path,
) -> None:
    """Write reference.npz into the artifact in `folder`: a sample of the validation pictures.

    `train` are features as served, `valid` those of the pictures in `dataset`, with the logits.
    """
    pictures = open_split(dataset, "valid")
    rows = spread_rows(len(pictures.labels), MOST_PICTURES)
    sizes = read_sizes(dataset, "valid")
    features, logits = (values[rows] for values in valid)
    space = fit_space(train)
    shares = _probabilities(logits, known)
    scores = np.zeros(0) if known is None else known.distances(features).min(axis=1)
    measured = Measured(
        places=space.places(features),
        looks=looks_of(pictures.images[rows]),
        sizes=np.zeros((0, 2), np.int64) if sizes is None else sizes[rows],
        labels=shares.argmax(axis=1).astype(np.int64),
        confidence=shares.max(axis=1),
        scores=scores.astype(np.float32),
    )
    write_reference(folder, Reference(space, measured))


def _probabilities(logits: Values, known: Known | None) -> Values:
    """Return what the model answers, as serving computes it."""
    values = logits if known is None else logits / known.temperature
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares
