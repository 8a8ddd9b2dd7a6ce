"""Write a network as a graph (ONNX) that runs without PyTorch: see graph.py."""

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

# the newest that every ONNX Runtime since 1.13 runs and this exporter writes
OPSET = 17
INPUT_NAME, OUTPUT_NAME = "pictures", "outputs"
_TRACED_BATCH = 2  # 1 would be taken for a dimension that can be dropped


class GraphExportError(RuntimeError):
    """A network cannot be written as a graph; the message says why."""


def export_graph(
    module: nn.Module,
    crop: int,
    path: Path,
    *,
    input_name: str = INPUT_NAME,
    output_names: Sequence[str] = (OUTPUT_NAME,),
) -> None:
    """Write `module`, in eval mode and float32, to `path`: (N, 3, crop, crop) -> (N, K), any N.

    Several `output_names` are those of the tuple that `module` returns.

    `module` stays as it is. The same weights give the same bytes, which hold no path, no time and
    no stack trace. That the graph computes the same is for the caller to check: tracing keeps one
    way through a network whose code branches on its input. Raises GraphExportError.
    """
    network = copy.deepcopy(module).to(device="cpu", dtype=torch.float32).eval()
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    pictures = torch.zeros(_TRACED_BATCH, 3, crop, crop)
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                network,
                (pictures,),
                str(path),
                input_names=[input_name],
                output_names=list(output_names),
                dynamic_axes={name: {0: "N"} for name in (input_name, *output_names)},
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:  # each unsupported operator fails in its own way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GraphExportError(f"{type(module).__name__} is no graph: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's advice about tracing, which speaks to authors of networks."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
