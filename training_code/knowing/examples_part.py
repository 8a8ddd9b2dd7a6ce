"""Add to a model artifact the training pictures that others may look like: examples.npz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from job.log import log
from knowing.units import Units, variation_of
from known import KNOWN_FILE, unit_length
from monitoring.reference import REFERENCE_FILE
from pictures.dataset import open_split, read_contents, spread_rows
from training_examples import LARGEST, Examples, write_examples

SHARE = 0.19  # of the rest of the artifact, at most, together with known.npz and reference.npz
_MORE = 36  # bytes of a picture besides its place and its name: sha256, class

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def add_examples(
    folder: Path, train: Units, rows: Numbers, most: int, dataset: Path | None
) -> None:
    """Write examples.npz into the artifact in `folder`: `most` training pictures, or fewer.

    `train` are the features of these `rows` of the training split in `dataset`. Of too many, those
    are taken that lie evenly between them, so that all classes are there. Prints what it did.
    """
    if dataset is None:
        log("examples: none, as the job has no channel 'dataset' with the pictures' names")
        return
    split, contents = open_split(dataset, "train"), read_contents(dataset, "train")
    projection = variation_of(train.values).most().astype(np.float16)
    fitting = _fitting(folder, projection, [split.files[row] for row in rows])
    kept = spread_rows(len(rows), min(most, fitting)) if fitting > 0 else rows[:0]
    if not len(kept):
        log("examples: none, as the artifact is too small to carry any")
        return
    places = unit_length(train.values[kept] @ projection.astype(np.float32))
    scale = np.maximum(np.abs(places).max(axis=0), 1e-12) / LARGEST
    chosen = rows[kept]
    examples = Examples(
        projection=projection,
        scale=scale.astype(np.float32),
        places=(places / scale).round().astype(np.int8),
        labels=split.labels[chosen].astype(np.int32),
        contents=np.array([list(bytes.fromhex(contents[row])) for row in chosen], np.uint8),
        files=tuple(split.files[row] for row in chosen),
    )
    write_examples(folder, examples)
    log(f"examples: {len(chosen):,} of {len(split.files):,} training pictures")


def _fitting(folder: Path, projection: npt.NDArray[np.float16], names: list[str]) -> int:
    """Return how many pictures keep within their share of the artifact."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    taken = sizes.pop(KNOWN_FILE, 0) + sizes.pop(REFERENCE_FILE, 0) + projection.nbytes
    each = projection.shape[1] + _MORE + sum(len(name.encode()) for name in names) / len(names)
    return int((SHARE * sum(sizes.values()) - taken) / each)
