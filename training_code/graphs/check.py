"""Check whether an artifact's graphs compute what its PyTorch network does, on validation pictures.

A graph must agree on every picture's best class and on probabilities to 1e-3, an int8 graph may
lose a stated share of accuracy. A model that fails this is not made: its graph is what would serve.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import ArtifactError
from job.errors import JobError
from job.log import log
from pictures.dataset import Split, spread_rows
from prediction import Model, open_model, predict
from runtimes import GRAPH, INT8, TORCH, Network

# PyTorch takes 2 to 3 times as long as its graph, and what is wrong with a graph is so everywhere
CHECKED_PICTURES = 64
LARGEST_DIFFERENCE = 1e-3
_TIE = 1e-5  # rounding may swap classes whose probabilities are so close
_BATCH = 64

Probabilities = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Checked:
    """The features (N, D) that a graph computes of these rows (N,) of the validation split."""

    rows: Rows
    features: Features


def check_graph(folder: Path, valid: Split, torch_network: Network | None = None) -> Checked:
    """Compare the graph of the artifact in `folder` with PyTorch, on at most 64 pictures.

    `torch_network` is the artifact's own for PyTorch, where it was read already. Prints what it
    found. Raises JobError when they differ, or the graph cannot be run here.
    """
    rows = spread_rows(len(valid.labels), CHECKED_PICTURES)
    network, _ = _answers(_opened(folder, TORCH, torch_network), valid, rows)
    graph, features = _answers(_opened(folder, GRAPH), valid, rows)
    difference = float(np.abs(graph - network).max())
    others = len(rows) - int(_same_best(graph, network).sum())
    if others or not difference <= LARGEST_DIFFERENCE:  # also when it is NaN
        raise JobError(
            f"model.onnx does not compute what the network does: another best class on {others} of "
            f"{len(rows)} validation pictures, probabilities up to {difference:.2g} apart (at most "
            f"{LARGEST_DIFFERENCE:g}). Use another backbone, or set serving.graph to none and "
            "serving.image to an image with PyTorch"
        )
    told = f"probabilities at most {difference:.1g} apart"
    log(f"graph: PyTorch's best class on {len(rows)} validation pictures, {told}")
    return Checked(rows, features)


def check_int8(folder: Path, valid: Split, tolerance: float) -> None:
    """Compare the accuracy of the int8 graph in `folder` with the graph's, on all of `valid`.

    Prints both. Raises JobError when int8 costs more than `tolerance`.
    """
    rows = spread_rows(len(valid.labels), len(valid.labels))
    exact, rounded = (
        float((_answers(_opened(folder, name), valid, rows)[0].argmax(1) == valid.labels).mean())
        for name in (GRAPH, INT8)
    )
    found = f"accuracy {rounded:.4f} on {len(rows)} validation pictures"
    if exact - rounded > tolerance:
        raise JobError(
            f"in int8 the model has {found}, {exact - rounded:.4f} less than {exact:.4f} in "
            f"float32: more than serving.int8_tolerance ({tolerance:g}). Set serving.int8 to "
            "false, or allow more."
        )
    log(f"int8: {found}, {exact:.4f} in float32")


def _answers(model: Model, valid: Split, rows: Rows) -> tuple[Probabilities, Features]:
    """Return the probabilities (rows, classes) that a model answers, and the features (rows, D)."""
    found = []
    for start in range(0, len(rows), _BATCH):
        squares = list(np.array(valid.images[rows[start : start + _BATCH]]))
        found.append(predict(squares, model))
    features = [one.features for one in found if one.features is not None]
    return np.concatenate([one.probabilities for one in found]), np.concatenate(features)


def _opened(folder: Path, runtime: str, network: Network | None = None) -> Model:
    try:
        return open_model(folder, runtime, features=True, network=network)
    except ArtifactError as error:
        raise JobError(f"the graph of the model cannot be checked: {error}") from error


def _same_best(values: Probabilities, torch_values: Probabilities) -> npt.NDArray[np.bool_]:
    best = values.argmax(axis=1)[:, None]
    gap = torch_values.max(axis=1) - np.take_along_axis(torch_values, best, axis=1)[:, 0]
    same: npt.NDArray[np.bool_] = gap <= _TIE
    return same
