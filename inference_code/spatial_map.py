"""Find in a backbone the map over places that its features are the mean of.

A head that is linear on such features is linear on every place: its weights times the map say,
exactly, what each place adds to the answer (Zhou et al., "Learning Deep Features for
Discriminative Localization", 2016). The map is found by what it is, and by no list of networks.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node, Tracer

from network import Classifier, Head, WithFeatures
from runtimes import FEATURES, LOGITS, MAP

_TRIED = 2  # pictures of noise
_ROUNDING = 1e-4  # of the largest feature


class WithMap(nn.Module):
    """A classifier that also says what its head saw: pictures -> (logits, features, map)."""

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, classes), features (N, D) and their map (N, D, h, w)."""
        features, places = self.backbone(pictures)
        return self.head(features), features, places


def served_network(classifier: Classifier, crop: int) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the network that an artifact serves, and the names of its outputs.

    It has a map where there is one for pictures of `crop` pixels.
    """
    mapped = with_map(classifier.backbone, crop)
    if mapped is None:
        return WithFeatures(classifier), (LOGITS, FEATURES)
    return WithMap(mapped, classifier.head), (LOGITS, FEATURES, MAP)


def with_map(backbone: nn.Module, crop: int) -> nn.Module | None:
    """Return a backbone as pictures -> (features (N, D), map (N, D, h, w)).

    It is in eval mode, on the CPU. The map is the last tensor whose mean over its places is the
    features. None where there is none (layers between the mean and the features, a class token) or
    it has a single place.
    """
    try:
        graph = Tracer().trace(backbone)
    except Exception:  # code that branches on its input fails in its own ways
        return None
    noise = torch.randn(_TRIED, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    means = _Means(GraphModule(backbone, graph))
    with torch.inference_mode():
        features = means.run(noise)
    found = [node for node, mean in means.found if _equal(mean, features)]
    if not found:
        return None
    end = next(node for node in graph.nodes if node.op == "output")
    end.args = ((end.args[0], found[-1]),)
    return GraphModule(backbone, graph).eval()


class _Means(Interpreter):
    """Runs a network and keeps the means of all that are maps of several places."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.found: list[tuple[Node, Tensor]] = []

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.dim() == 4 and value[0, 0].numel() > 1:
            self.found.append((n, value.mean(dim=(2, 3))))
        return value


def _equal(mean: Tensor, features: Tensor) -> bool:
    if mean.shape != features.shape:
        return False
    largest = float(features.abs().max())
    return largest > 0 and float((mean - features).abs().max()) <= _ROUNDING * largest
