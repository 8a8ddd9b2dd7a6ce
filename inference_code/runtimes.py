"""Run a model artifact's network: as an int8 graph, as a graph, or by PyTorch.

A graph is the faster way on a CPU, and the only one where PyTorch is not installed; a GPU with
PyTorch, and a machine without onnxruntime, use PyTorch. Each maps normalised pictures float32
(N, 3, C, C) to logits float32 (N, classes), and if asked for to features and their map besides.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from artifact import GRAPH_FILE, INT8_GRAPH_FILE, ArtifactError
from graph import GraphError, available, gpus, open_graph

Array = npt.NDArray[np.float32]
Forward = Callable[[Array], Array]

# a network's outputs; older graphs have no features and no map, and some networks have no map
LOGITS, FEATURES, MAP = "logits", "features", "map"
INT8, GRAPH, TORCH = "int8", "graph", "torch"
_FILES = {INT8: INT8_GRAPH_FILE, GRAPH: GRAPH_FILE}


class Network(Protocol):
    """A loaded network, ready to run in any thread; `path` is the file that it came from."""

    path: Path
    outputs: tuple[str, ...]

    def run(self, batch: Array) -> Array:
        """Return logits (N, classes) for normalised pictures (N, 3, C, C)."""

    def run_outputs(self, batch: Array, names: Sequence[str]) -> list[Array]:
        """Return the named outputs, which are some of `outputs`."""


def runtimes_of(folder: Path) -> tuple[str, ...]:
    """Return the runtimes that the artifact in `folder` brings, whatever this machine can run."""
    graphs = [name for name, file in _FILES.items() if (folder / file).is_file()]
    return (*graphs, TORCH)


def best_runtime(folder: Path) -> str:
    """Choose the runtime that serves the artifact in `folder` on this machine."""
    if not available() or (gpus() and _torch_sees_gpu()):
        return TORCH
    return runtimes_of(folder)[0]


def open_network(folder: Path, runtime: str, threads: int, gpu: int | None = None) -> Network:
    """Load the network from `folder`, to be called from any thread. Raises ArtifactError.

    `threads` share one batch on a CPU; `gpu` is the number of the GPU to use where there is one.
    """
    if runtime == TORCH:
        try:
            from torch_model import open_torch  # noqa: PLC0415 - graphs are served without it
        except ModuleNotFoundError as error:
            raise ArtifactError(
                f"{folder} has no graph, and PyTorch is missing: train with serving.graph: onnx, "
                "or name an image that has PyTorch in serving.image"
            ) from error
        return open_torch(folder, threads, gpu)
    try:
        return open_graph(folder / _FILES[runtime], threads)
    except GraphError as error:
        raise ArtifactError(str(error)) from error


def with_features(network: Network) -> Forward:
    """Return what maps pictures to rows of logits and then features, (N, classes + D).

    One array can be cut up for the requests that shared a batch. Raises ArtifactError.
    """
    if FEATURES not in network.outputs:
        raise ArtifactError(
            f"{network.path.name} in {network.path.parent} has no output {FEATURES}: it was made "
            "by an older version; train the model again"
        )
    return lambda batch: np.concatenate(network.run_outputs(batch, (LOGITS, FEATURES)), axis=1)


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


def _torch_sees_gpu() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    from torch_model import sees_gpu  # noqa: PLC0415 - takes seconds, and only a GPU is worth it

    return sees_gpu()
