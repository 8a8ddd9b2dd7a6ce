"""Build a backbone without values: its names, shapes and blocks, in little time and memory."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from network import build_backbone

_STORED = (torch.empty, torch.zeros, torch.ones)


def valueless_backbone(name: str) -> nn.Module:
    """Build a backbone whose tensors have shapes alone. Raises UnknownBackbone."""
    with _StoresNothing():
        backbone = build_backbone(name)
    return backbone.to("meta")


class _StoresNothing(TorchFunctionMode):
    """Makes what modules store without values; what they count with (RegNet's widths) has some."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        named = dict(kwargs or {})
        if func in _STORED and named.get("device") is None:
            named["device"] = "meta"
        return func(*args, **named)
