"""Say why a picture got its answer: where it looks so, and which training pictures look like it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import ArtifactError
from head_weights import HeadWeights, read_head
from heat import draw_heat
from preprocessing import Seen
from runtimes import FEATURES, LOGITS, MAP, Network
from training_examples import Example, Examples, read_examples

Array = npt.NDArray[np.float32]

SHOWN = 3  # training pictures


@dataclass(frozen=True)
class Explanation:
    """Why a picture got its answer: a PNG to lay over it, and training pictures that look like it.

    `looks_like` is empty where the artifact carries no examples.
    """

    heat: bytes
    looks_like: tuple[Example, ...]


@dataclass(frozen=True)
class Explainer:
    """What explains a model's answers: its network, with a map over places, and its head."""

    network: Network
    head: HeadWeights
    examples: Examples | None
    classes: tuple[str, ...]

    def outputs(self, batch: Array) -> list[Array]:
        """Return logits (N, classes), features (N, D) and their map (N, D, h, w) of pictures."""
        return self.network.run_outputs(batch, (LOGITS, FEATURES, MAP))

    def explain(
        self, logits: Array, features: Array, places: Array, seen: Sequence[Seen]
    ) -> list[Explanation]:
        """Explain the best class of each picture, by what `outputs` returned."""
        alike: list[list[Example]] = [[] for _ in features]
        if self.examples is not None:
            alike = self.examples.nearest(features, self.classes, SHOWN)
        return [
            Explanation(
                draw_heat(evidence(self.head, places[row], int(label)), seen[row]),
                tuple(alike[row]),
            )
            for row, label in enumerate(logits.argmax(axis=1))
        ]


def open_explainer(folder: Path, network: Network, classes: tuple[str, ...]) -> Explainer | None:
    """Open what explains the answers of the artifact in `folder`; None when its network has no map.

    Raises ArtifactError for a damaged artifact.
    """
    examples = read_examples(folder, len(classes))
    if MAP not in network.outputs:
        return None
    head = read_head(folder)
    if examples is not None and len(examples.projection) != len(head.mean):
        raise ArtifactError(f"{folder}: its examples are of another network: train the model again")
    return Explainer(network, head, examples, classes)


def evidence(head: HeadWeights, places: Array, label: int) -> Array:
    """Return what each place (h, w) of a map (D, h, w) adds to a class's logit.

    It is counted from the mean training picture, and from the mean of all classes. The mean over
    the places, and the class's bias, are the logit, but for what all classes have in common.
    """
    found: Array = np.tensordot(head.relative(label), places - head.mean[:, None, None], axes=1)
    return found
