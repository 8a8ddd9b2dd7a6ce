"""Write the features of a split as the backbone computes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extraction.backbone_pass import features_of
from extraction.cache import FeatureCache
from extraction.feature_files import features_path, write_header, write_labels
from extraction.runtime import Runtime
from job.progress import ProgressLines
from pictures.dataset import Split


@dataclass(frozen=True)
class Pass:
    """The one pass of the backbone: what computes, what is known from before, the crop's side."""

    runtime: Runtime
    cache: FeatureCache | None
    crop: int


def write_features(work: Pass, split: Split, name: str, folder: Path, views: int = 1) -> int:
    """Write a split's features as they are computed; return how many rows came from the cache."""
    rows, known = len(split.labels), 0
    progress = ProgressLines(f"{name} features", rows * views)
    with features_path(folder, name).open("wb") as file:
        for chunk in features_of(split, views, work.crop, work.runtime, work.cache):
            if not file.tell():
                write_header(file, (views, rows, chunk.values.shape[1]))
            file.write(np.ascontiguousarray(chunk.values, dtype="<f4").tobytes())
            known += chunk.cached
            progress.advance(len(chunk.values))
    progress.finish()
    write_labels(folder, name, split.labels)
    return known
