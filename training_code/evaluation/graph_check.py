"""Check whether an artifact's graphs compute what its PyTorch network does, on test pictures.

A graph must agree on every picture's best class and on probabilities to 1e-3, an int8 graph may
lose a stated share of accuracy. A model that fails this is not registered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.served_model import ServedModel
from job.errors import JobError
from pictures.dataset import Split

LARGEST_DIFFERENCE = 1e-3
_TIE = 1e-5  # rounding may swap classes whose probabilities are so close
_TORCH, _GRAPH, _INT8 = "torch", "graph", "int8"

Probabilities = npt.NDArray[np.float32]


@dataclass
class _Seen:
    """One runtime's answers so far: right ones, those with PyTorch's class, largest difference."""

    right: int = 0
    same: int = 0
    difference: float = 0.0


@dataclass
class GraphCheck:
    """A comparison of an artifact's runtimes on the same pictures, batch by batch."""

    served: ServedModel
    test: Split
    models: Mapping[str, Any]
    pictures: int = 0
    seen: dict[str, _Seen] = field(default_factory=dict)

    def add(self, rows: slice, probabilities: Probabilities) -> None:
        """Count a batch; `probabilities` (rows, classes) are those of the serving runtime."""
        if len(self.models) < 2:
            return
        squares = list(np.array(self.test.images[rows]))
        found = {self.served.model.runtime: probabilities}
        for name, model in self.models.items():
            if name not in found:
                found[name] = self.served.inference.predict(squares, model).probabilities
        self.pictures += len(squares)
        for name, values in found.items():
            seen = self.seen.setdefault(name, _Seen())
            seen.right += int((values.argmax(axis=1) == self.test.labels[rows]).sum())
            seen.same += int(_same_best(values, found[_TORCH]).sum())
            seen.difference = max(seen.difference, float(np.abs(values - found[_TORCH]).max()))

    def result(self, int8_tolerance: float) -> dict[str, Any]:
        """Return evaluation.json's `serving` section; raise JobError for a graph that differs."""
        for name, seen in self.seen.items():
            if name == _GRAPH:
                _check_graph(seen, self.pictures)
            if name == _INT8:
                _check_int8(seen, self.seen[_TORCH], self.pictures, int8_tolerance)
        runtimes = {
            name: {
                "accuracy": seen.right / self.pictures,
                "same_best_class": seen.same,
                "largest_difference": seen.difference,
            }
            for name, seen in sorted(self.seen.items())
        }
        return {"runtime": self.served.model.runtime, "runtimes": runtimes}


def open_check(served: ServedModel, test: Split) -> GraphCheck | None:
    """Open an artifact's runtimes to compare them; return None for one older than graphs.

    Raises JobError when a graph of it cannot be opened here, so that it cannot be checked.
    """
    if not hasattr(served.inference, "runtimes_of"):
        return None
    folder: Path = served.folder
    names = served.inference.runtimes_of(folder)
    try:
        models = {name: served.inference.open_model(folder, name) for name in names}
    except ValueError as error:
        raise JobError(f"the model cannot be checked: {error}") from error
    return GraphCheck(served, test, models)


def _same_best(values: Probabilities, torch_values: Probabilities) -> npt.NDArray[np.bool_]:
    best = values.argmax(axis=1)[:, None]
    gap = torch_values.max(axis=1) - np.take_along_axis(torch_values, best, axis=1)[:, 0]
    same: npt.NDArray[np.bool_] = gap <= _TIE
    return same


def _check_graph(seen: _Seen, pictures: int) -> None:
    if seen.same == pictures and seen.difference <= LARGEST_DIFFERENCE:
        return
    raise JobError(
        f"model.onnx does not compute what the network does: another best class on "
        f"{pictures - seen.same} of {pictures} test pictures, probabilities up to "
        f"{seen.difference:.2g} apart (at most {LARGEST_DIFFERENCE:g}). Set serving.graph to none."
    )


def _check_int8(seen: _Seen, torch: _Seen, pictures: int, tolerance: float) -> None:
    loss = (torch.right - seen.right) / pictures
    if loss <= tolerance:
        return
    raise JobError(
        f"in int8 the model has accuracy {seen.right / pictures:.4f} on the test pictures, "
        f"{loss:.4f} less than {torch.right / pictures:.4f} in float32: more than "
        f"serving.int8_tolerance ({tolerance:g}). Set serving.int8 to false, or allow more."
    )
