"""Load a model, and predict class probabilities for pictures."""

import os
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from artifact import ModelDescription, read_description
from explaining import Explainer, Explanation, open_explainer
from known import Known, read_known
from metrics_log import MetricsLog
from micro_batching import MicroBatcher
from picture_formats import UnusableImage
from preprocessing import Seen, decode_seen, normalise, picture_size, seen_part
from request_errors import refuse
from runtimes import (
    Network,
    best_runtime,
    chosen_environment,
    open_network,
    thread_count,
    with_features,
)
from serving_metrics import ServingMetrics

Square = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

MAX_REQUEST_PIXELS = 100_000_000
LARGE_PIXELS = 8_000_000  # while it is decoded, a picture may take 25 bytes a pixel
BATCH_SIZE = 16


@dataclass(frozen=True)
class Model:
    """A loaded model: its network, ready to run, the runtime's name, and its description.

    `metrics`, and `log` when there is one, count the requests that it answers. `decoding_large`
    is held while a large picture is decoded: many at a time would fill the memory. `known` tells
    pictures of no class, where the artifact can; without it answers say nothing of it. `explainer`
    says why, where the network can.
    """

    batcher: MicroBatcher
    runtime: str
    description: ModelDescription
    metrics: ServingMetrics
    log: MetricsLog | None = None
    known: Known | None = None
    explainer: Explainer | None = None
    decoding_large: AbstractContextManager[object] = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Predictions:
    """Probabilities, float32 (pictures, classes), and the names of the classes in order.

    `batch_sizes` says how many pictures, of this request and others, each of the network's runs
    had. `features` (pictures, D) are there when the model was opened with them; `distances`
    (pictures, classes), as of Known, when the model tells pictures of no class; above `limit` a
    picture's smallest one says so.
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    batch_sizes: tuple[int, ...] = ()
    features: npt.NDArray[np.float32] | None = None
    distances: npt.NDArray[np.float32] | None = None
    limit: float | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The most probable class of each picture."""
        return tuple(self.classes[best] for best in self.probabilities.argmax(axis=1))

    @cached_property
    def scores(self) -> tuple[float, ...] | None:
        """How far each picture is from the nearest class; None when the model cannot tell."""
        return None if self.distances is None else tuple(self.distances.min(axis=1).tolist())

    @cached_property
    def known(self) -> tuple[bool, ...] | None:
        """Whether each picture shows one of the classes; None when the model cannot tell."""
        if self.scores is None:
            return None
        return tuple(self.limit is None or score <= self.limit for score in self.scores)


def open_model(
    folder: Path,
    runtime: str | None = None,
    *,
    worker_per_core: bool = False,
    gpu: int | None = None,
    features: bool = False,
    network: Network | None = None,
) -> Model:
    """Load the artifact extracted at `folder`; `runtime` None takes the best one of this machine.

    `worker_per_core`: other processes serve the same model, one for each core. `gpu`: the number
    of the one to use, if there is any. `features`: predictions have them, whether or not the
    artifact needs them itself. `network`: what `runtime` loads, where that was done already.
    Raises ArtifactError when the artifact is incomplete or damaged.
    """
    description = read_description(folder)
    name = runtime or best_runtime(folder)
    environ = chosen_environment(os.environ) if worker_per_core else os.environ
    known = read_known(folder, len(description.classes))
    if network is None:
        network = open_network(folder, name, thread_count(environ, worker_per_core), gpu)
    wanted = features or known is not None
    return Model(
        MicroBatcher(with_features(network) if wanted else network.run, BATCH_SIZE),
        name,
        description,
        ServingMetrics(description.classes, tells_unknown=known is not None),
        known=known,
        explainer=open_explainer(folder, network, description.classes),
    )


def decode_squares(pictures: Sequence[bytes], model: Model) -> list[Square]:
    """Decode pictures as Prepare stores them: uint8 (3, resize, resize) each.

    Raises RequestError: 422 for what is no usable picture, 413 for too many pixels altogether.
    """
    return [square for square, _seen in decode_pictures(pictures, model)]


def decode_pictures(pictures: Sequence[bytes], model: Model) -> list[tuple[Square, Seen]]:
    """Do what `decode_squares` does, and return which part of each picture the network sees."""
    pixels = _pixels(pictures)
    if sum(pixels) > MAX_REQUEST_PIXELS:
        refuse(413, "TooManyPixels", f"more than {MAX_REQUEST_PIXELS:,} pixels in one request")
    preprocessing = model.description.preprocessing
    decoded: list[tuple[Square, Seen]] = []
    for place, picture in enumerate(pictures):
        try:
            with model.decoding_large if pixels[place] > LARGE_PIXELS else nullcontext():
                decoded.append(decode_seen(picture, preprocessing))
        except UnusableImage as error:
            refuse(422, "UnusableImage", f"picture {place} cannot be used: {error}")
    return decoded


def _pixels(pictures: Sequence[bytes]) -> list[int]:
    """Read each picture's number of pixels from its header: nothing is decoded yet."""
    pixels = []
    for place, picture in enumerate(pictures):
        try:
            width, height = picture_size(picture)
        except UnusableImage as error:
            refuse(422, "UnusableImage", f"picture {place} cannot be used: {error}")
        pixels.append(width * height)
    return pixels


def predict(squares: Sequence[Square], model: Model) -> Predictions:
    """Return class probabilities for one or more stored squares, uint8 (3, resize, resize) each."""
    parts, sizes = [], []
    for start in range(0, len(squares), BATCH_SIZE):
        batch = np.stack(squares[start : start + BATCH_SIZE])
        values = normalise(batch, model.description.preprocessing)
        outputs, size = model.batcher.run(values)
        parts.append(outputs)
        sizes.append(size)
    outputs = parts[0] if len(parts) == 1 else np.concatenate(parts)
    count = len(model.description.classes)
    return _predictions(outputs[:, :count], outputs[:, count:], sizes, model)


def explain(
    squares: Sequence[Square], model: Model, seen: Sequence[Seen] = ()
) -> tuple[Predictions, list[Explanation]]:
    """Return what `predict` does, and why.

    Maps lie over the pictures of which `seen` tells the part, without it over the squares. Raises
    RequestError (422) for a model that cannot.
    """
    if model.explainer is None:
        why = "its last layers are no mean over places with one linear layer on it"
        refuse(422, "NotExplainable", f"{model.description.backbone} cannot be explained: {why}")
    preprocessing = model.description.preprocessing
    side = preprocessing.resize
    seen = seen or [seen_part((side, side), preprocessing)] * len(squares)
    values = normalise(np.stack(squares), preprocessing)
    logits, features, places = model.batcher.alone(partial(model.explainer.outputs, values))
    predictions = _predictions(logits, features, [len(squares)], model)
    return predictions, model.explainer.explain(logits, features, places, seen)


def _predictions(
    logits: Values, features: Values, sizes: Sequence[int], model: Model
) -> Predictions:
    known = model.known
    return Predictions(
        model.description.classes,
        _softmax(logits if known is None else logits / known.temperature),
        tuple(sizes),
        features if features.shape[1] else None,
        None if known is None else known.distances(features),
        None if known is None else known.limit,
    )


def _softmax(logits: Values) -> Values:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares
