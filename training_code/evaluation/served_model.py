"""Predict with a model artifact through the serving code it carries, as an endpoint would."""

import importlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from artifact import ArtifactError, extract_archive
from job.errors import JobError
from job.progress import ProgressLines
from pictures.dataset import Split

ARCHIVE = "model.tar.gz"
_CLASSES_SHOWN = 4


@dataclass(frozen=True)
class ServedModel:
    """A loaded artifact: its folder, its module `inference`, and what its model_fn returned."""

    folder: Path
    inference: ModuleType
    model: Any


@contextmanager
def served_model(archive: Path) -> Iterator[ServedModel]:
    """Unpack a model.tar.gz, import its code and load it, for as long as the context lasts.

    Raises JobError when the artifact is missing, unsafe or damaged.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            extract_archive(archive, folder)
        except ArtifactError as error:
            raise JobError(str(error)) from error
        with serving_code(folder / "code") as inference:
            yield ServedModel(folder, inference, _load(inference, folder))


@contextmanager
def serving_code(folder: Path) -> Iterator[ModuleType]:
    """Import module `inference` of an artifact's code folder, with all that it imports from there.

    Modules of the same names that are loaded already are set aside, and put back at the end.
    """
    if not (folder / "inference.py").is_file():
        raise JobError(f"{ARCHIVE} holds no code/inference.py: it was not exported by training")
    names = {path.stem for path in folder.glob("*.py")}
    aside = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("inference")
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(aside)


def check_fit(served: ServedModel, test: Split, classes: Sequence[str]) -> None:
    """Raise JobError when the test data is not what this model was made for."""
    description = served.model.description
    if list(description.classes) != list(classes):
        raise JobError(
            f"the model knows {_listed(description.classes)}, the test data has "
            f"{_listed(classes)}: a data set of other classes is another project's (the setting "
            "project)"
        )
    side = description.preprocessing.resize
    if test.images.shape[1:] != (3, side, side):
        raise JobError(
            f"test pictures are {test.images.shape[1:]}; the model expects (3, {side}, {side}): "
            "run Prepare with the resize that the model was trained with"
        )
    if not len(test.labels):
        raise JobError("the test split is empty: nothing can be measured on it")


def predict(
    served: ServedModel, test: Split, batch_size: int, what: str = "evaluated"
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield each batch's rows and their probabilities (rows, classes), as the endpoint gives them.

    Prints progress lines that begin with `what`.
    """
    for rows, predictions in predictions_of(served, test, batch_size, what):
        yield rows, predictions.probabilities


def predictions_of(
    served: ServedModel, test: Split, batch_size: int, what: str = "evaluated"
) -> Iterator[tuple[slice, Any]]:
    """Yield each batch's rows and its Predictions, of the artifact's own version; see `predict`."""
    progress = ProgressLines(what, len(test.labels))
    for start in range(0, len(test.labels), batch_size):
        rows = slice(start, min(start + batch_size, len(test.labels)))
        squares = list(np.array(test.images[rows]))
        yield rows, _predict(served.inference)(squares, served.model)
        progress.advance(len(squares))
    progress.finish()


def _predict(inference: ModuleType) -> Any:
    """Return the function that predicts: artifacts of older versions call it predict_fn."""
    return getattr(inference, "predict_fn", None) or inference.predict


def _load(inference: ModuleType, folder: Path) -> Any:
    try:
        return inference.model_fn(str(folder))
    except ValueError as error:
        raise JobError(str(error)) from error


def _listed(classes: Sequence[str]) -> str:
    more = ", …" if len(classes) > _CLASSES_SHOWN else ""
    return f"{len(classes)} classes ({', '.join(classes[:_CLASSES_SHOWN])}{more})"
