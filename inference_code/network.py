"""Build the network: any torchvision classification model with its head replaced by our own.

torchvision names its models, builds them for any number of classes, and keeps its head in a
different place in each. Built for a number of classes that no other layer has as a size, the
head is the last layer that shows this number: no table of models is needed.
"""

import difflib
import os
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import torch
import torchvision
from torch import Tensor, nn

# A prime: channel counts are multiples of 8, so that only heads have it as a size.
_MARKER_CLASSES = 1009
_NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_START_STD = 0.001


class NetworkError(ValueError):
    """A network cannot be built or used as asked; the message says why and how to mend it."""


class UnknownBackbone(NetworkError):
    """torchvision has no classification model of this name."""


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


class WithFeatures(nn.Module):
    """A classifier that also says what its head saw: pictures -> (logits, features (N, D))."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.backbone = classifier.backbone
        self.head = classifier.head

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, classes) and pooled features (N, D) for normalised pictures."""
        features: Tensor = self.backbone(pictures)
        return self.head(features), features


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


def load_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict that carries no version numbers, such as a safetensors file's.

    Counters of batches seen, which are used by no network in eval mode, may be absent.
    """
    own = module.state_dict()
    counters = {key: own[key] for key in own if key.endswith("num_batches_tracked")}
    filled: OrderedDict[str, Tensor] = OrderedDict(counters | dict(state))
    # some torchvision models refuse or rename keys when the version numbers are absent
    filled._metadata = own._metadata  # type: ignore[attr-defined]
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
