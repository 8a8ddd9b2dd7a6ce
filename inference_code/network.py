"""Build the network: any torchvision classification model with its head replaced by our own.

torchvision names its models, builds them for any number of classes, and keeps its head in a
different place in each. Built for a number of classes that no other layer has as a size, the
head is the last layer that shows this number: no table of models is needed.
"""

import difflib
import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn

# A prime: channel counts are multiples of 8, so that only heads have it as a size.
_MARKER_CLASSES = 1009
_NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_SHOWN_KEYS = 3
_START_STD = 0.001


class NetworkError(ValueError):
    """A network cannot be built or used as asked; the message says why and how to mend it."""


class UnknownBackbone(NetworkError):
    """torchvision has no classification model of this name."""


class WeightsMismatch(NetworkError):
    """A weights file cannot be read or does not fit the backbone."""


class RemovedHead(nn.Identity):
    """A placeholder where torchvision's own head, or an auxiliary one, was cut off."""


class Head(nn.Module):
    """A linear layer on standardised features: (N, dimension) -> logits (N, classes).

    The buffers `mean` and `std` are those of the training features, so that the learning rate
    means the same for every backbone; they start as 0 and 1. The linear layer starts near zero:
    what a larger random start leaves behind costs accuracy when training is short.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, dimension: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("std", torch.ones(dimension))
        self.linear = nn.Linear(dimension, classes)
        nn.init.normal_(self.linear.weight, std=_START_STD)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) for features (N, dimension)."""
        logits: Tensor = self.linear((features - self.mean) / self.std)
        return logits


class Classifier(nn.Module):
    """Backbone and head: normalised pictures (N, 3, C, C) -> logits (N, classes)."""

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, classes) for normalised pictures (N, 3, C, C)."""
        logits: Tensor = self.head(self.backbone(pictures))
        return logits


def build_backbone(name: str, seed: int = 0) -> nn.Module:
    """Build torchvision's model `name` without its head, in eval mode: (N, 3, C, C) -> (N, D).

    Its weights are drawn with `seed`; the caller's random state stays as it is. Auxiliary heads
    (used only while such a model trains) are cut off too. Raises UnknownBackbone.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}."
        raise UnknownBackbone(f"backbone {name!r} is no torchvision classification model: {hint}")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about the default initialisation
        torch.manual_seed(seed)
        network = torchvision.models.get_model(name, weights=None, num_classes=_MARKER_CLASSES)
    *auxiliary, head = _heads(network)
    for path in {path.split(".")[0] for path in auxiliary} | {head}:
        network.set_submodule(path, RemovedHead())
    backbone: nn.Module = network.eval()
    return backbone


def feature_dimension(name: str, backbone: nn.Module, crop: int) -> int:
    """Return D of the features (N, D) for pictures of `crop` pixels.

    Raises NetworkError when the backbone takes none of that size.
    """
    try:
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, crop, crop))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise NetworkError(
            f"backbone {name} cannot take pictures of {crop} x {crop} pixels ({error}). "
            "Set preprocessing.crop to the size that it was made for (224 suits most)."
        ) from error
    return int(features.shape[1])


def load_backbone_weights(name: str, backbone: nn.Module, path: Path) -> None:
    """Fill `backbone` (named `name`) from a .safetensors file or a torch state dict, as data only.

    The file's head is ignored, and so are auxiliary heads: a file for any number of classes, or
    without its head, fits. Raises WeightsMismatch when anything else is missing or misfits.
    """
    found = _read_weights(path)
    removed = [key for key, module in backbone.named_modules() if isinstance(module, RemovedHead)]
    state = {
        key: value
        for key, value in _current_names(found).items()
        if not any(key.startswith(f"{prefix}.") for prefix in removed)
    }
    reason = _misfit(backbone.state_dict(), state)
    if reason:
        raise WeightsMismatch(
            f"weights file {path.name} does not fit backbone {name}: {reason}. Give a file made "
            f"for torchvision's {name}, or set backbone.name to the model that it belongs to."
        )
    load_state(backbone, state, metadata=getattr(found, "_metadata", None))


def load_state(
    module: nn.Module, state: Mapping[str, Tensor], metadata: object | None = None
) -> None:
    """Load a state dict that carries no version numbers, such as a safetensors file's.

    Counters of batches seen, which are used by no network in eval mode, may be absent.
    """
    own = module.state_dict()
    counters = {key: own[key] for key in own if key.endswith("num_batches_tracked")}
    filled: OrderedDict[str, Tensor] = OrderedDict(counters | dict(state))
    # some torchvision models refuse or rename keys when the version numbers are absent
    filled._metadata = metadata or own._metadata  # type: ignore[attr-defined]
    module.load_state_dict(filled)


def blocks(backbone: nn.Module) -> list[list[nn.Module]]:
    """Return the backbone's blocks, first to last: fine-tuning unfreezes them from the end.

    Sequences are taken apart, and so is any module that holds more than half of all parameters.
    A normalisation layer belongs to the block before it.
    """
    half = sum(parameter.numel() for parameter in backbone.parameters()) / 2
    found: list[list[nn.Module]] = []
    for module in _parts(backbone, half):
        if found and isinstance(module, _NORMALISATIONS):
            found[-1].append(module)
        else:
            found.append([module])
    return found


def best_device(gpu: int | None = None) -> torch.device:
    """Return the GPU of this number (None: this thread's current one); without a GPU the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # with its number: another thread has another current one
    return torch.device("cuda", torch.cuda.current_device() if gpu is None else gpu)


def use_available_cores() -> int:
    """Let torch use every core that this process may run on, unless OMP_NUM_THREADS is set."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    return torch.get_num_threads()


def _heads(network: nn.Module) -> list[str]:
    """Paths of the layers made for _MARKER_CLASSES classes; the last one is the head."""
    return [
        path
        for path, module in network.named_modules()
        if any(_MARKER_CLASSES in value.shape for value in module.parameters(recurse=False))
    ]


def _parts(module: nn.Module, half: float) -> Iterable[nn.Module]:
    """Yield children with parameters, taking apart sequences and what holds more than `half`."""
    for child in module.children():
        size = sum(parameter.numel() for parameter in child.parameters())
        splits = type(child) in (nn.Sequential, nn.ModuleList) or size > half
        if splits and any(True for _ in child.children()):
            yield from _parts(child, half)
        elif size:
            yield child


def _read_weights(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format fails in its own ways on a wrong file
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsMismatch(
            f"weights file {path.name} cannot be read ({first_line}). Give a .safetensors file or "
            "a state dict saved by torch.save; pickled models are never loaded."
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise WeightsMismatch(
            f"weights file {path.name} holds no state dict (names and tensors). Save it with "
            "torch.save(model.state_dict(), path)."
        )
    return found


def _current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename DenseNet's keys of old torchvision versions, which have one dot more than today's."""
    old = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
    return {old.sub(r"\1\2.", key): value for key, value in state.items()}


def _misfit(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Tell what keeps `state` from filling `own`, with the first keys; empty when it fits."""
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in own]
    other = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    parts = {"missing": missing, "unknown": unknown, "of another shape": other}
    return "; ".join(
        f"{len(keys)} of {len(own)} tensors {what} ({', '.join(keys[:_SHOWN_KEYS])}, ...)"
        if what != "unknown"
        else f"{len(keys)} tensors unknown ({', '.join(keys[:_SHOWN_KEYS])}, ...)"
        for what, keys in parts.items()
        if keys
    )
