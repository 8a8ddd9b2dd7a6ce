"""Summarise a network without running it: each layer's shape, parameters and multiply-adds."""

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from job.log import log

SUMMARY_FILE = "model_summary.json"


@dataclass(frozen=True)
class LayerSummary:
    """One layer, in the order of computation. `output_shape` is of one picture: no batch.

    `multiply_adds`: of its convolutions, matrix products and attention, for one picture.
    """

    name: str
    type: str
    output_shape: list[int]
    parameters: int
    multiply_adds: int


def summarise(network: nn.Module, crop: int) -> dict[str, Any]:
    """Return layers and totals of a network for one RGB picture of `crop` x `crop` pixels.

    The network itself is not run and not changed: a copy without values is. Multiply-adds are
    half of what PyTorch's FlopCounterMode counts, which is what torchvision publishes as `_ops`.
    Trained parameters are those that require a gradient. Call it before hooks are registered.
    """
    shadow = _without_values(network).eval()
    shapes: dict[str, list[int]] = {}
    for name, module in shadow.named_modules():
        module.register_forward_hook(_recorder(name, shapes))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, 3, crop, crop, device="meta"))
    flops = {name: sum(each.values()) for name, each in counter.get_flop_counts().items()}
    layers = _layers(shadow, shapes, flops)
    parameters = list(network.parameters())
    totals = {
        "parameters": sum(each.numel() for each in parameters),
        "trained_parameters": sum(each.numel() for each in parameters if each.requires_grad),
        "multiply_adds": counter.get_total_flops() // 2,
    }
    return {"crop": crop, "layers": [asdict(layer) for layer in layers], "totals": totals}


def write_summary(folder: Path, network: nn.Module, crop: int) -> None:
    """Write model_summary.json; a network that cannot be summarised costs one line in the log."""
    try:
        text = json.dumps(summarise(network, crop), indent=1)
    except Exception as error:  # an unusual layer is no reason to lose a training
        log(f"warning: no {SUMMARY_FILE}: {type(error).__name__}: {error}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")


def _without_values(network: nn.Module) -> nn.Module:
    """Return a copy whose tensors have shapes but no memory."""
    tensors = [*network.parameters(), *network.buffers()]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(network, memo)


def _recorder(name: str, shapes: dict[str, list[int]]) -> Any:
    def record(module: nn.Module, inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        shapes[name] = list(first.shape[1:]) if isinstance(first, Tensor) else []

    return record


def _layers(
    network: nn.Module, shapes: dict[str, list[int]], flops: dict[str, int]
) -> list[LayerSummary]:
    """Return the modules that hold parameters or compute themselves, and those without parts."""
    parts = _parts(list(shapes))
    root = type(network).__name__
    found = []
    for name, module in network.named_modules():
        if name not in shapes:
            continue
        parameters = _count(module) - sum(_count(network.get_submodule(n)) for n in parts[name])
        own = [flops.get(f"{root}.{part}", 0) for part in parts[name]]
        ops = flops.get(f"{root}.{name}" if name else root, 0) - sum(own)
        if parameters or ops or not parts[name]:
            kind = type(module).__name__
            layer = LayerSummary(name or root, kind, shapes[name], parameters, ops // 2)
            found.append((list(shapes).index(name), layer))
    return [layer for _, layer in sorted(found, key=lambda each: each[0])]


def _parts(called: list[str]) -> dict[str, list[str]]:
    """Map each module that was called to the modules nearest below it that were called too."""
    parts: dict[str, list[str]] = {name: [] for name in called}
    for name in called:
        above = name
        while above:
            above = above.rpartition(".")[0]
            if above in parts:
                parts[above].append(name)
                break
    return parts


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
