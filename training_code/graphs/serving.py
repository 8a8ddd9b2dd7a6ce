"""Write the graphs that a model artifact carries for serving, from the weights in it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from artifact import GRAPH_FILE, INT8_GRAPH_FILE
from graphs.export import INPUT_NAME, GraphExportError, export_graph
from graphs.int8 import write_int8_graph
from hyperparameters import Hyperparameters
from job.errors import JobError
from job.log import log
from pictures.dataset import Split, open_split
from preprocessing import Preprocessing, normalise
from torch_model import read_model

OUTPUT_NAME = "logits"
CALIBRATION_PICTURES = 256
_BATCH = 8


def write_graphs(folder: Path, settings: Hyperparameters, dataset: Path | None) -> None:
    """Add the graphs that `settings` ask for to the artifact in `folder`.

    The int8 one is calibrated on training pictures of `dataset`. A network that cannot be written
    as a graph is served by PyTorch, which is printed; if int8 was asked for, JobError is raised.
    """
    if settings.graph == "none":
        return
    classifier, description = read_model(folder)
    preprocessing = description.preprocessing
    try:
        export_graph(classifier, preprocessing.crop, folder / GRAPH_FILE, output_name=OUTPUT_NAME)
    except GraphExportError as error:
        (folder / GRAPH_FILE).unlink(missing_ok=True)
        if settings.int8:
            raise JobError(
                f"{error}: set serving.int8 to false, or use another backbone"
            ) from error
        log(f"no graph: {error}; PyTorch will serve this model")
        return
    if settings.int8 and dataset is not None:
        batches = calibration_batches(open_split(dataset, "train"), preprocessing)
        write_int8_graph(folder / GRAPH_FILE, folder / INT8_GRAPH_FILE, batches)


def calibration_batches(
    train: Split, preprocessing: Preprocessing
) -> Iterator[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]:
    """Yield normalised training pictures, (8, 3, C, C), spread evenly over rows (so, classes)."""
    count = len(train.labels)
    rows = np.unique(
        np.linspace(0, count - 1, min(count, CALIBRATION_PICTURES)).round().astype(int)
    )
    for start in range(0, len(rows), _BATCH):
        squares = torch.from_numpy(np.array(train.images[rows[start : start + _BATCH]]))
        yield {INPUT_NAME: normalise(squares, preprocessing).numpy()}
