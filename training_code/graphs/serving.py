"""Write the graphs that a model artifact carries for serving, and check them against PyTorch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from artifact import GRAPH_FILE, INT8_GRAPH_FILE
from graphs.check import Checked, check_graph, check_int8
from graphs.export import INPUT_NAME, GraphExportError, export_graph
from graphs.int8 import write_int8_graph
from hyperparameters import Hyperparameters
from job.errors import JobError
from pictures.dataset import Split, open_split, spread_rows
from preprocessing import Preprocessing, normalise
from spatial_map import served_network
from torch_model import TorchNetwork, read_model

CALIBRATION_PICTURES = 256
_BATCH = 8


def write_graphs(folder: Path, settings: Hyperparameters, dataset: Path | None) -> Checked | None:
    """Add the graphs that `settings` ask for to the artifact in `folder`.

    The int8 one is calibrated on training pictures of `dataset`; all are checked on validation
    pictures. Returns what the graph that serves was seen to compute, None where another serves.
    Raises JobError when there can be no graph, or one does not compute what it should.
    """
    if settings.graph == "none":
        return None
    if dataset is None:
        raise JobError("a graph needs the channel 'dataset': it is checked on pictures")
    classifier, description = read_model(folder)
    preprocessing = description.preprocessing
    network, outputs = served_network(classifier, preprocessing.crop)
    try:
        export_graph(network, preprocessing.crop, folder / GRAPH_FILE, output_names=outputs)
    except GraphExportError as error:
        raise JobError(
            f"{error}. Use another backbone, or set serving.graph to none and serving.image to an "
            "image with PyTorch"
        ) from error
    valid = open_split(dataset, "valid")
    checked = check_graph(folder, valid, TorchNetwork(network, outputs, folder))
    if settings.int8:
        batches = calibration_batches(open_split(dataset, "train"), preprocessing)
        write_int8_graph(folder / GRAPH_FILE, folder / INT8_GRAPH_FILE, batches)
        check_int8(folder, valid, settings.int8_tolerance)
    return None if settings.int8 else checked


def calibration_batches(
    train: Split, preprocessing: Preprocessing
) -> Iterator[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]:
    """Yield normalised training pictures, (8, 3, C, C), spread evenly over rows (so, classes)."""
    rows = spread_rows(len(train.labels), CALIBRATION_PICTURES)
    for start in range(0, len(rows), _BATCH):
        squares = np.array(train.images[rows[start : start + _BATCH]])
        yield {INPUT_NAME: normalise(squares, preprocessing)}
