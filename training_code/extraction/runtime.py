"""Choose what computes features: PyTorch on a GPU, else an ONNX graph, else PyTorch."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from extraction.int8 import MAX_NOISE, int8_graph
from graph import Graph, GraphError, available, open_graph
from graphs.export import GraphExportError, export_graph
from job.errors import JobError
from job.log import log
from job.mixed_precision import compute_type, mixed_precision
from preprocessing import Preprocessing, normalise

Values = npt.NDArray[np.float32]
TOLERANCE = 1e-4  # of the largest feature; rounding alone makes a hundredth of it
_CPU_BATCH = 8  # larger ones do not fit into the processor's cache and are slower
_GPU_THREADS = 4  # one waits for the device while others crop and load the next batches


@dataclass(frozen=True)
class Runtime:
    """A way to compute features: `forward` maps uint8 squares (N, 3, R, R) to float32 (N, D).

    `threads` threads that call it keep this machine busy, with batches of `batch_size`; `name` says
    what runs. `calibrated`: pictures of the data set decided how it rounds.
    """

    name: str
    threads: int
    batch_size: int
    forward: Callable[[Tensor], Values]
    calibrated: bool = False


def open_runtime(
    backbone: nn.Module,
    preprocessing: Preprocessing,
    batch_size: int,
    cores: int,
    int8_images: npt.NDArray[np.uint8] | None = None,
) -> Runtime:
    """Open the fastest way to run `backbone` on its device; a graph must agree with PyTorch.

    On a CPU with `cores` cores, each thread computes whole batches on one core: threads that
    share a batch wait for one another, and collapse when anything else wants a core. Given
    training squares `int8_images`, 8-bit integers are tried there.
    """
    device = next(backbone.parameters()).device
    if device.type == "cuda":
        name = f"PyTorch {compute_type(device)}".replace("torch.", "")
        return Runtime(name, _GPU_THREADS, batch_size, _eager(backbone, preprocessing))
    torch.set_num_threads(1)
    batch_size = min(batch_size, _CPU_BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        graph, rounded = _graph_of(backbone, preprocessing.crop, path), None
        if graph is not None and int8_images is not None:
            rounded = _int8_of(path, int8_images, preprocessing)
    if rounded is not None:
        forward = _graph_forward(rounded, preprocessing)
        return Runtime("ONNX Runtime int8", cores, batch_size, forward, calibrated=True)
    if graph is not None:
        return Runtime("ONNX Runtime", cores, batch_size, _graph_forward(graph, preprocessing))
    return Runtime("PyTorch", cores, batch_size, _eager(backbone, preprocessing))


def check_finite(values: Values) -> Values:
    """Return the features unchanged; raise JobError when some are not finite."""
    if not np.isfinite(values).all():
        raise JobError(
            "the backbone's features are not finite numbers: its weights do not suit pictures "
            "normalised this way. Check backbone.weights, or choose another backbone"
        )
    return values


def _eager(backbone: nn.Module, preprocessing: Preprocessing) -> Callable[[Tensor], Values]:
    device = next(backbone.parameters()).device
    backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(squares: Tensor) -> Values:
        on_gpu = device.type == "cuda"
        with torch.inference_mode(), mixed_precision(device):
            source = squares.pin_memory() if on_gpu else squares
            pictures = normalise(source.to(device, non_blocking=True), preprocessing)
            features = backbone(pictures.contiguous(memory_format=torch.channels_last))
        values: Values = features.float().cpu().numpy()
        return values

    return forward


def _graph_forward(graph: Graph, preprocessing: Preprocessing) -> Callable[[Tensor], Values]:
    return lambda squares: graph.run(normalise(squares.numpy(), preprocessing))


def _graph_of(backbone: nn.Module, crop: int, path: Path) -> Graph | None:
    """Return the backbone's graph, or None, with a line in the log, when PyTorch has to do it."""
    if not available():
        log("onnxruntime is not installed: PyTorch computes the features")
        return None
    try:
        export_graph(backbone, crop, path, output_names=["features"])
        graph = open_graph(path, threads=1)
        difference = _difference(graph, backbone, crop)
    except (GraphExportError, GraphError) as error:
        log(f"PyTorch computes the features: {error}")
        return None
    if not difference <= TOLERANCE:  # also when it is NaN
        log(f"PyTorch computes the features: its graph's differ by {difference:.1g}")
        return None
    return graph


def _int8_of(
    path: Path, images: npt.NDArray[np.uint8], preprocessing: Preprocessing
) -> Graph | None:
    try:
        graph, found = int8_graph(path, images, preprocessing)
    except GraphError as error:
        log(f"the features stay in 32 bits: {error}")
        return None
    kept = "" if graph is not None else f", more than {MAX_NOISE:.0%}: they stay in 32 bits"
    log(f"in 8 bits, rounding adds {found:.1%} noise to the features{kept}")
    return graph


def _difference(graph: Graph, backbone: nn.Module, crop: int) -> float:
    """Return the largest difference of graph and network, relative to the largest feature."""
    # another number of pictures than the graph was traced with
    pictures = torch.randn(3, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = backbone(pictures).numpy()
    found = graph.run(pictures.numpy())
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
