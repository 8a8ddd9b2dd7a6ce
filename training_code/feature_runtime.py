"""What computes features here: a GPU, else the exported graph, else PyTorch as it is."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graph import Graph, GraphError, available, open_graph
from graph_export import GraphExportError, export_graph
from job_errors import JobError
from preprocessing import Preprocessing, normalise

Values = npt.NDArray[np.float32]
TOLERANCE = 1e-4  # of the largest feature; what rounding makes is a hundredth of it
_CPU_BATCH = 8  # larger ones leave the processor's cache and are slower
_GPU_THREADS = 4  # one waits for the device while others cut and load the next batches


@dataclass(frozen=True)
class Runtime:
    """`forward`: uint8 squares (N, 3, R, R) -> features float32 (N, D), from several threads.

    `threads` of them keep this machine busy, with batches of `batch_size`; `name` says what runs.
    """

    name: str
    threads: int
    batch_size: int
    forward: Callable[[Tensor], Values]


def open_runtime(
    backbone: nn.Module, preprocessing: Preprocessing, batch_size: int, cores: int
) -> Runtime:
    """The fastest exact way to run `backbone` where it is; a graph is held to PyTorch's numbers.

    On a CPU with so many cores, each thread computes whole batches on one core: threads that
    share a batch wait for one another, and collapse when anything else wants a core.
    """
    if next(backbone.parameters()).is_cuda:
        return Runtime(
            "PyTorch bfloat16", _GPU_THREADS, batch_size, _eager(backbone, preprocessing)
        )
    torch.set_num_threads(1)
    batch_size = min(batch_size, _CPU_BATCH)
    graph = _graph_of(backbone, preprocessing.crop)
    if graph is None:
        return Runtime("PyTorch", cores, batch_size, _eager(backbone, preprocessing))

    def forward(squares: Tensor) -> Values:
        return graph.run(normalise(squares, preprocessing).numpy())

    return Runtime("ONNX Runtime", cores, batch_size, forward)


def check_finite(values: Values) -> Values:
    """The same features; raises JobError when some are no finite numbers."""
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
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
            source = squares.pin_memory() if on_gpu else squares
            pictures = normalise(source.to(device, non_blocking=True), preprocessing)
            features = backbone(pictures.contiguous(memory_format=torch.channels_last))
        values: Values = features.float().cpu().numpy()
        return values

    return forward


def _graph_of(backbone: nn.Module, crop: int) -> Graph | None:
    """The backbone's graph; None, with a line in the log, when PyTorch has to do it."""
    if not available():
        print("onnxruntime is not installed: PyTorch computes the features", flush=True)
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        try:
            export_graph(backbone, crop, path, output_name="features")
            graph = open_graph(path, threads=1)
            difference = _difference(graph, backbone, crop)
        except (GraphExportError, GraphError) as error:
            print(f"PyTorch computes the features: {error}", flush=True)
            return None
    if not difference <= TOLERANCE:  # also when it is no number
        print(f"PyTorch computes the features: its graph's differ by {difference:.1g}", flush=True)
        return None
    return graph


def _difference(graph: Graph, backbone: nn.Module, crop: int) -> float:
    """The largest difference between graph and network, relative to the largest feature."""
    # another number of pictures than the graph was traced with
    pictures = torch.randn(3, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = backbone(pictures).numpy()
    found = graph.run(pictures.numpy())
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
