"""Review a prepared data set whose mistakes are known: flipped labels, and copies that were made.

    python -m benchmarks.review_known DATASET FEATURES [--weights FILE] [--seeds N]

Run with training_code/ and inference_code/ on the path. Prints JSON.
"""

import argparse
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import load_file

from extraction.feature_files import BACKBONE_FILE, FeatureInfo, read_features, read_info
from network import build_backbone, load_state
from pictures.dataset import open_split
from preprocessing import normalise
from review.copies import find_pairs
from review.labels import judge
from review.nearest import find_nearest
from review.space import Space

FLIPPED, COPIES = 0.05, 300

Values = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Known:
    """The pictures that training sees: features, labels, squares."""

    features: Values
    labels: Rows
    images: list[npt.NDArray[np.uint8]]
    classes: int


def main() -> None:
    """Print what was found of known mistakes, and at what cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("--weights", default="")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    info = read_info(given.features)
    known = _open(given.dataset, given.features, len(info.classes))
    start = _cpu_seconds()
    judged = judge(Space(known.features), known.labels, known.classes)
    label_seconds = _cpu_seconds() - start
    start = _cpu_seconds()
    pairs = find_pairs(find_nearest(Space(known.features)), known.images)
    copy_seconds = _cpu_seconds() - start
    real = {row for pair in pairs for row in (pair.first, pair.second)}
    flips = {name: flipped(known, way, given.seeds) for name, way in FLIP_WAYS.items()}
    result = {
        "pictures": len(known.labels),
        "flipped": round(FLIPPED * len(known.labels)),
        "found": {name: one.found for name, one in flips.items()},
        "named": {name: one.named for name, one in flips.items()},
        "named_rightly": {name: one.rightly for name, one in flips.items()},
        "named_without_flips": int((judged.log_odds >= 0).sum()),
        "label_seconds": label_seconds,
        "copy_seconds": copy_seconds,
        "pairs_without_made_ones": len(pairs),
        **_copies(known, info, given.features, real),
    }
    print(json.dumps(result))


def _open(dataset: Path, features: Path, classes: int) -> Known:
    splits = [open_split(dataset, name) for name in ("train", "valid")]
    values = [read_features(features, name).values.numpy()[0] for name in ("train", "valid")]
    labels = np.concatenate([split.labels for split in splits])
    return Known(np.concatenate(values), labels, [i for s in splits for i in s.images], classes)


def _random(known: Known, rows: Rows, random: np.random.Generator) -> Rows:
    step = random.integers(1, known.classes, len(rows))
    flipped: Rows = (known.labels[rows] + step) % known.classes
    return flipped


def _similar(known: Known, rows: Rows, _random: np.random.Generator) -> Rows:
    means = np.stack(
        [known.features[known.labels == one].mean(axis=0) for one in range(known.classes)]
    )
    means -= means.mean(axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alike = means @ means.T
    np.fill_diagonal(alike, -2)
    nearest: Rows = alike.argmax(axis=1)[known.labels[rows]]
    return nearest


Flip = Callable[[Known, Rows, np.random.Generator], Rows]
FLIP_WAYS: dict[str, Flip] = {"random": _random, "similar": _similar}


@dataclass(frozen=True)
class Flipped:
    """How well flipped labels are found, as means over seeds.

    `found` is the share of them among the first as many as there are, `named` how many labels are
    called probably wrong, `rightly` the share of those that was flipped.
    """

    found: float
    named: float
    rightly: float


def flipped(known: Known, way: Flip, seeds: int) -> Flipped:
    """Return how well flipped labels are found."""
    figures = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        count = round(FLIPPED * len(known.labels))
        rows = random.choice(len(known.labels), count, replace=False)
        labels = known.labels.copy()
        labels[rows] = way(known, rows, random)
        odds = judge(Space(known.features), labels, known.classes).log_odds
        first, named = np.argsort(-odds, kind="stable")[:count], np.flatnonzero(odds >= 0)
        rightly = np.isin(named, rows).sum() / max(len(named), 1)
        figures.append((np.isin(first, rows).mean(), len(named), rightly))
    return Flipped(*np.mean(figures, axis=0).tolist())


def _saved_again(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return Image.open(file)


def _smaller(picture: Image.Image) -> Image.Image:
    side = round(0.7 * picture.width)
    return picture.resize((side, side)).resize(picture.size)


def _cropped(picture: Image.Image) -> Image.Image:
    edge = round(0.05 * picture.width)
    inner = (edge, edge, picture.width - edge, picture.height - edge)
    return picture.crop(inner).resize(picture.size)


COPY_WAYS = {"quality 60": _saved_again, "resized by 0.7": _smaller, "cropped to 90 %": _cropped}


def _copies(known: Known, info: FeatureInfo, folder: Path, real: set[int]) -> dict[str, Any]:
    """Add a copy of some pictures, each way; return what share is found, and of others named.

    Pictures that are copies of another without our doing are left out of both.
    """
    backbone = build_backbone(info.backbone, info.seed).eval()
    load_state(backbone, load_file(folder / BACKBONE_FILE))
    rows = [row for row in range(len(known.labels)) if row not in real]
    rows = np.random.default_rng(0).choice(rows, min(COPIES, len(rows)), replace=False).tolist()
    shares, false = {}, []
    for name, way in COPY_WAYS.items():
        made = [changed(known.images[row], way) for row in rows]
        with torch.inference_mode():
            squares = torch.from_numpy(np.stack(made))
            values = [
                backbone(normalise(s, info.preprocessing())) for s in torch.split(squares, 50)
            ]
        features = np.concatenate([known.features, torch.cat(values).numpy()])
        pairs = find_pairs(find_nearest(Space(features)), [*known.images, *made])
        named = {(pair.first, pair.second) for pair in pairs}
        expected = {(row, len(known.labels) + n) for n, row in enumerate(rows)}
        shares[name] = len(named & expected) / len(expected)
        others = [pair for pair in named - expected if not real & set(pair)]
        false.append(len(others) / len(features))
    return {"copies": shares, "false_copies": float(np.mean(false))}


def changed(
    square: npt.NDArray[np.uint8], way: Callable[[Image.Image], Image.Image]
) -> npt.NDArray[np.uint8]:
    """Return a square with a copy of its picture."""
    picture = Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0)))
    return np.ascontiguousarray(np.asarray(way(picture).convert("RGB")).transpose(2, 0, 1))


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system


if __name__ == "__main__":
    main()
