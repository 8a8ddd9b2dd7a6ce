"""Run a model artifact's network: as an int8 graph, as a graph, or by PyTorch.

A graph is the faster way on a CPU; a GPU, and a machine without onnxruntime, use PyTorch. Each
maps normalised pictures float32 (N, 3, C, C) to logits float32 (N, classes).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.fx.experimental.optimization import fuse

from artifact import GRAPH_FILE, INT8_GRAPH_FILE, ArtifactError, read_model
from graph import GraphError, available, open_graph
from network import best_device

Array = npt.NDArray[np.float32]
Forward = Callable[[Array], Array]

INT8, GRAPH, TORCH = "int8", "graph", "torch"
_FILES = {INT8: INT8_GRAPH_FILE, GRAPH: GRAPH_FILE}


def runtimes_of(folder: Path) -> tuple[str, ...]:
    """Return the runtimes that the artifact in `folder` brings, whatever this machine can run."""
    graphs = [name for name, file in _FILES.items() if (folder / file).is_file()]
    return (*graphs, TORCH)


def best_runtime(folder: Path) -> str:
    """Choose the runtime that serves the artifact in `folder` on this machine."""
    if torch.cuda.is_available() or not available():
        return TORCH
    return runtimes_of(folder)[0]


def open_forward(folder: Path, runtime: str, threads: int, gpu: int | None = None) -> Forward:
    """Load the network from `folder`, to be called from any thread. Raises ArtifactError.

    `threads` share one batch on a CPU; `gpu` is the number of the GPU to use where there is one.
    """
    if runtime == TORCH:
        return _torch_forward(folder, threads, best_device(gpu))
    torch.set_num_threads(1)  # torch has little left to do; its threads would be in the way
    try:
        return open_graph(folder / _FILES[runtime], threads).run
    except GraphError as error:
        raise ArtifactError(str(error)) from error


def thread_count(environ: Mapping[str, str], worker_per_core: bool = False) -> int:
    """Decide how many threads one batch uses, so that all workers together use every core once.

    OMP_NUM_THREADS decides when it is set; else the cores are shared by the server's processes:
    SAGEMAKER_MODEL_SERVER_WORKERS when set, otherwise one, or with `worker_per_core` (the default
    of AWS's servers) as many as there are cores.
    """
    chosen = environ.get("OMP_NUM_THREADS", "")
    if chosen.isdigit() and int(chosen) > 0:
        return int(chosen)
    cores = len(os.sched_getaffinity(0))
    workers = environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "")
    if workers.isdigit() and int(workers) > 0:
        return max(1, cores // int(workers))
    return 1 if worker_per_core else cores


def chosen_environment(
    environ: Mapping[str, str], started_with: Path = Path("/proc/self/environ")
) -> dict[str, str]:
    """Return `environ` without OMP_NUM_THREADS unless this process was started with it.

    AWS's model server sets it to 1 in each worker, however few workers were asked for.
    """
    try:
        names = {item.partition(b"=")[0] for item in started_with.read_bytes().split(b"\0")}
    except OSError:  # not Linux: nothing tells who set it
        return dict(environ)
    kept = b"OMP_NUM_THREADS" in names
    return {key: value for key, value in environ.items() if kept or key != "OMP_NUM_THREADS"}


def _torch_forward(folder: Path, threads: int, device: torch.device) -> Forward:
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False  # a GPU must answer as the CPU evaluated
    # batch norms folded into convolutions: torchvision's models can all be traced
    network = fuse(read_model(folder)[0], inplace=True)
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(pictures: Array) -> Array:
        batch = torch.from_numpy(pictures).to(device)
        with torch.inference_mode():
            logits = network(batch.contiguous(memory_format=torch.channels_last))
            values: Array = logits.float().cpu().numpy()
        return values

    return forward
