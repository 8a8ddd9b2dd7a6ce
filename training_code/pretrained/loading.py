"""Load a weights file into the backbone, as data only, and say what of the file was taken."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from backbones import Backbone, digest_of, own_tensors
from network import RemovedHead, load_state
from pretrained.problems import UnusableWeights, shown
from pretrained.state_dict import find, misfit, nearest
from pretrained.weights_file import Contents, read_contents

_SHOWN = 3


def load_backbone_weights(name: str, backbone: nn.Module, path: Path) -> str:
    """Fill `backbone` (named `name`) from a weights file; return in words what was taken of it.

    torchvision's own heads in the file are ignored: one for any number of classes fits, and one
    without. Raises UnusableWeights when anything else is missing, unknown or of another shape.
    """
    contents = read_contents(path)
    own, heads = backbone.state_dict(), removed_heads(backbone)
    wanted = described(backbone)
    try:
        found = find(contents.tree, wanted)
        if found is None:
            near = own_tensors(nearest(contents.tree, own, wanted.first), heads)
            raise misfit(contents.tree, name, wanted, lambda: differences(own, near))
    except UnusableWeights as error:
        raise UnusableWeights(f"weights file {shown(path.name)}: {error}") from None
    load_state(backbone, own_tensors(found.tensors(_load(path, contents)), heads))
    return found.words()


def described(backbone: nn.Module) -> Backbone:
    """Return what tells whether tensors are this backbone's; the rest is left at 0."""
    heads = removed_heads(backbone)
    own = own_tensors(backbone.state_dict(), heads)
    return Backbone(0, 0, 0, None, len(own), 0, next(iter(own)), digest_of(own), heads)


def removed_heads(backbone: nn.Module) -> tuple[str, ...]:
    """Return the paths at which torchvision's heads were cut off."""
    return tuple(
        path for path, module in backbone.named_modules() if isinstance(module, RemovedHead)
    )


def differences(own: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
    """Tell what keeps `state` from filling `own`, with the first names; empty when nothing does."""
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [shown(key) for key in state if key not in own]
    other = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and tuple(own[key].shape) != tuple(state[key].shape)
    ]
    parts = (
        (missing, f"of {len(own)} tensors missing"),
        (unknown, "tensors unknown"),
        (other, f"of {len(own)} tensors of another shape"),
    )
    return "; ".join(
        f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{', ...' if len(keys) > _SHOWN else ''})"
        for keys, what in parts
        if keys
    )


def _load(path: Path, contents: Contents) -> Any:
    """Load the tensors. What torch says of a damaged file is no help: it advises to trust it."""
    try:
        if contents.form == "safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format fails in its own ways on a damaged file
        raise UnusableWeights(
            f"weights file {shown(path.name)}: it is damaged, its tensors cannot be read: download"
            " or save it again"
        ) from error
