"""Add to a model artifact what its features are good for: known, examples and reference.npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from artifact import ArtifactError
from extraction.feature_files import Features, read_features
from graphs.check import Checked
from hyperparameters import Hyperparameters
from job.errors import JobError
from job.log import log
from job.progress import ProgressLines
from knowing.examples_part import add_examples
from knowing.fitting import fit_known
from knowing.units import Units
from known import Known, write_known
from monitoring.artifact_part import add_reference
from network import Head
from pictures.dataset import Split, open_split, spread_rows
from prediction import Model, open_model, predict

# of the largest feature: cached ones come from another graph, which may round otherwise
TOLERANCE = 1e-3
MOST_PICTURES = 20_000  # of the training split, where their features have to be computed again
_COMPARED = 8
_BATCH = 64

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ServedFeatures:
    """Features as a model serves them: of these `rows` of the training split, and of valid."""

    rows: Rows
    train: tuple[Units, Rows]
    valid: tuple[Array, Rows]
    classes: int


def add_knowledge(
    folder: Path,
    head: Head,
    settings: Hyperparameters,
    features: Path,
    dataset: Path | None,
    *,
    checked: Checked | None = None,
) -> None:
    """Write known.npz and examples.npz as `settings` ask for them, and reference.npz.

    All are of features as the network in `folder` serves them, some of which may be `checked`
    already; the last needs the pictures in `dataset`. Prints what it found. Raises JobError.
    """
    if settings.refuse_at == 0 and settings.examples == 0 and dataset is None:
        return
    served = _served_features(folder, head, settings, features, dataset, checked=checked)
    logits = _logits(head, served.valid[0])
    known = None
    if settings.refuse_at > 0:
        known = fit_known(served.train, served.valid, logits, served.classes, settings.refuse_at)
        write_known(folder, known)
        log(_told(known, served.valid[0], settings.refuse_at))
    if dataset is not None:
        add_reference(folder, served.train[0], (served.valid[0], logits), known, dataset)
    if settings.examples > 0:  # the last: they take what room is left
        add_examples(folder, served.train[0], served.rows, settings.examples, dataset)


def _served_features(
    folder: Path,
    head: Head,
    settings: Hyperparameters,
    features: Path,
    dataset: Path | None,
    *,
    checked: Checked | None,
) -> ServedFeatures:
    """Return the cached features in `features` where they are those that are served.

    Those of a network that was fine-tuned since, or serves in 8 bits, are computed from the
    pictures in `dataset`.
    """
    train, valid = (read_features(features, split) for split in ("train", "valid"))
    train_rows = np.arange(len(train.labels))
    train_values, valid_values = (one.values[0].numpy() for one in (train, valid))
    tuned = settings.fine_tune_blocks > 0
    if dataset is not None and (tuned or checked is None or not _same(checked, valid_values)):
        model, pictures = _opened(folder), open_split(dataset, "valid")
        if tuned:
            train_rows = spread_rows(len(train.labels), MOST_PICTURES)
            train_values = _served(model, open_split(dataset, "train"), train_rows)
        if tuned or checked or not _same(_some(model, pictures), valid_values):
            valid_values = _served(model, pictures, np.arange(len(valid.labels)))
    return ServedFeatures(
        train_rows,
        (Units(train_values), _labels(train)[train_rows]),
        (valid_values, _labels(valid)),
        head.linear.out_features,
    )


def _opened(folder: Path) -> Model:
    try:
        return open_model(folder, features=True)
    except ArtifactError as error:
        raise JobError(f"the model's own features cannot be had: {error}") from error


def _some(model: Model, pictures: Split) -> Checked:
    rows = spread_rows(len(pictures.labels), _COMPARED)
    return Checked(rows, _features(model, pictures, rows))


def _same(computed: Checked, cached: Array) -> bool:
    """Check on some pictures whether the cached features are those that the model computes."""
    expected = cached[computed.rows]
    difference = np.abs(computed.features - expected).max()
    return bool(difference <= TOLERANCE * np.abs(expected).max())


def _served(model: Model, pictures: Split, rows: Rows) -> Array:
    progress = ProgressLines("features as served", len(rows))
    parts = []
    for start in range(0, len(rows), _BATCH):
        parts.append(_features(model, pictures, rows[start : start + _BATCH]))
        progress.advance(len(parts[-1]))
    progress.finish()
    return np.concatenate(parts)


def _features(model: Model, pictures: Split, rows: Rows) -> Array:
    found = predict(list(np.array(pictures.images[rows])), model).features
    assert found is not None  # noqa: S101 (it was opened with them)
    return found


def _labels(features: Features) -> Rows:
    labels: Rows = features.labels.numpy()
    return labels


def _logits(head: Head, features: Array) -> Array:
    with torch.inference_mode():
        logits: Array = head.cpu()(torch.from_numpy(np.array(features))).numpy()
    return logits


def _told(known: Known, valid: Array, refuse_at: float) -> str:
    told = f"unknown pictures: temperature {float(known.temperature[0]):.2f}"
    if known.limit is None:
        least = int(np.ceil(1 / refuse_at - 1 - 1e-9))
        return (
            f"{told}; none is refused: {len(valid)} validation pictures are too few to find the "
            f"{refuse_at:.0%} least like the others, {least} would do"
        )
    refused = float((known.distances(valid).min(axis=1) > known.limit).mean())
    return f"{told}; {refused:.1%} of {len(valid)} validation pictures would be refused"
