"""Pass pictures through a model as it serves, and keep what they are compared by."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.served_model import ServedModel
from job.errors import JobError
from job.progress import ProgressLines
from monitoring.captured import Captured, Counts, captured_pictures
from monitoring.looks import LOOKS, looks_of
from monitoring.reference import Measured, Space
from picture_formats import UnusableImage
from preprocessing import picture_size

_THUMBNAIL_QUALITY = 80

Square = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Passed:
    """Captured pictures (N), the newest first, and what was measured of them.

    `thumbnails` are small JPEGs, `contents` the sha256 of what was sent, `asked` when.
    """

    measured: Measured
    thumbnails: tuple[bytes, ...]
    contents: tuple[str, ...]
    asked: tuple[str, ...]


def open_with_features(served: ServedModel) -> Any:
    """Open an artifact's model so that its predictions have features. Raises JobError."""
    try:
        return served.inference.open_model(served.folder, features=True)
    except (ValueError, TypeError) as error:
        raise JobError(f"the model's features cannot be had: {error}") from error


def measure(
    predictions: Any, squares: Sequence[Square], sizes: Sequence[tuple[int, int]], space: Space
) -> Measured:
    """Return what is compared of a batch, from its predictions and the squares they are of."""
    distances = predictions.distances
    scores = np.zeros(0) if distances is None else distances.min(axis=1)
    return Measured(
        places=space.places(predictions.features),
        looks=looks_of(np.stack(squares)),
        sizes=np.array(sizes, np.int64).reshape(-1, 2),
        labels=predictions.probabilities.argmax(axis=1).astype(np.int64),
        confidence=predictions.probabilities.max(axis=1),
        scores=scores.astype(np.float32),
    )


def joined(parts: Sequence[Measured], space: Space) -> Measured:
    """Join the batches; of none at all, nothing."""
    nothing = Measured(
        np.zeros((0, space.directions.shape[1]), np.float32),
        np.zeros((0, len(LOOKS)), np.float32),
        np.zeros((0, 2), np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.float32),
        np.zeros(0, np.float32),
    )
    rows = [vars(part) for part in (parts or [nothing])]
    return Measured(**{name: np.concatenate([row[name] for row in rows]) for name in rows[0]})


def measure_captured(
    inference: ModuleType,
    model: Any,
    space: Space,
    folder: Path,
    counts: Counts,
    *,
    pictures: int,
    batch_size: int,
) -> Passed:
    """Measure the newest captured pictures, at most so many, by an artifact's own serving code."""
    progress = ProgressLines("passed", pictures)
    parts: list[Measured] = []
    kept: list[tuple[bytes, str, str]] = []
    usable = _usable(inference, model, folder, counts)
    most = islice(usable, pictures)
    while batch := list(islice(most, batch_size)):
        squares = [square for _, square, _ in batch]
        sizes = [size for _, _, size in batch]
        parts.append(measure(inference.predict(squares, model), squares, sizes, space))
        kept += [(_thumbnail(square), one.content, one.asked) for one, square, _ in batch]
        progress.advance(len(batch))
    thumbnails, contents, asked = zip(*kept, strict=True) if kept else ((), (), ())
    return Passed(joined(parts, space), thumbnails, contents, asked)


def _usable(
    inference: ModuleType, model: Any, folder: Path, counts: Counts
) -> Iterator[tuple[Captured, Square, tuple[int, int]]]:
    """Yield captured pictures with their square and size; those that are refused are counted."""
    refusals = (inference.RequestError, UnusableImage)

    def read(body: bytes | str, kind: str | None) -> Sequence[bytes] | None:
        try:
            return list(inference.read_request(body, kind).pictures)
        except refusals:
            return None

    captured: Iterable[Captured] = captured_pictures(folder, read, counts)
    for one in captured:
        try:
            square = inference.decode_squares([one.data], model)[0]
            size = picture_size(one.data)
        except refusals:
            counts.refused += 1
            continue
        yield one, square, size


def _thumbnail(square: Square) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0)))
    picture.save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return file.getvalue()
