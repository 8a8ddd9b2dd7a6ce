"""Check samples of pictures, undisturbed and as a changed camera makes them.

    python -m benchmarks.measure_drift --dataset DIR --features DIR --checks N

Run with training_code/ and inference_code/ on the path; prints JSON. Reference and captured
pictures are drawn anew each time from all of train and valid, without overlap.
"""

import argparse
import io
import json
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageEnhance, ImageFilter
from safetensors.torch import load_file

from benchmarks.measure_unknown import Part, logits_of, softmax, train_head
from extraction.feature_files import BACKBONE_FILE, read_features, read_info
from extraction.runtime import Runtime, open_runtime
from knowing.fitting import fit_known
from knowing.units import Units
from known import Known
from monitoring.differences import differences
from monitoring.looks import looks_of
from monitoring.reference import MOST_PICTURES, Measured, Space, fit_space
from network import Head, build_backbone, load_state
from pictures.dataset import open_split

REFUSE_AT, FALSE_ALARMS = 0.05, 0.001
MISSING = 3
SIZES = (50, 100, 200, 500)
_BATCH = 8

Array = npt.NDArray[np.float32]
Squares = npt.NDArray[np.uint8]


def _blur(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.0))


def _dim(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.6)


def _white_balance(picture: Image.Image) -> Image.Image:
    red, green, blue = picture.split()
    warm = [red.point(lambda value: min(255, value * 1.15)), blue.point(lambda value: value * 0.8)]
    return Image.merge("RGB", (warm[0], green, warm[1]))


def _jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


CAMERAS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur": _blur,
    "dimmer": _dim,
    "white balance": _white_balance,
    "JPEG quality 30": _jpeg,
}


@dataclass(frozen=True)
class Model:
    """What measures features: the space they are compared in, a head, and its known.npz."""

    space: Space
    head: Head
    known: Known

    def measured(self, features: Array, looks: Array) -> Measured:
        """Return what is compared of pictures; they are all of one size."""
        shares = softmax(logits_of(self.head, features) / self.known.temperature)
        return Measured(
            places=self.space.places(features),
            looks=looks,
            sizes=np.zeros((0, 2), np.int64),
            labels=shares.argmax(axis=1),
            confidence=shares.max(axis=1),
            scores=self.known.distances(features).min(axis=1),
        )


def main() -> None:
    """Measure, and print the result as JSON."""
    parser = argparse.ArgumentParser()
    for name in ("dataset", "features"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("checks", "pictures", "draws"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    with redirect_stdout(io.StringIO()):
        result = measure(options)
    print(json.dumps(result))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return how often every change was raised, and how often nothing was taken for one."""
    info = read_info(options.features)
    parts = [read_features(options.features, split) for split in ("train", "valid")]
    train, valid = (Part(one.values[0].numpy(), one.labels.numpy()) for one in parts)
    head = train_head(train, valid, len(info.classes), 0)
    units = Units(train.values)
    known = fit_known(
        (units, train.labels),
        (valid.values, valid.labels),
        logits_of(head, valid.values),
        len(info.classes),
        REFUSE_AT,
    )
    model = Model(fit_space(units), head, known)
    squares = [open_split(options.dataset, split).images for split in ("train", "valid")]
    looks = np.concatenate([looks_of(one) for one in squares])
    pool = model.measured(np.concatenate([train.values, valid.values]), looks)
    actual = np.concatenate([train.labels, valid.labels])
    captured = min(options.pictures, len(actual) // 2)
    sizes = (*(size for size in SIZES if size < captured), captured)
    reference = min(MOST_PICTURES, len(valid.labels), len(actual) - captured)
    draw = _Draw(pool, reference, info.classes)

    found: dict[str, list[float]] = {}
    by: dict[str, list[str]] = {}
    backbone = build_backbone(info.backbone, info.seed)
    load_state(backbone, load_file(options.features / BACKBONE_FILE))
    runtime = open_runtime(backbone, info.preprocessing(), _BATCH, 1)
    random = np.random.default_rng(0)
    rows = random.permutation(len(actual))[:captured]
    images = _rows(squares, rows)
    for name, camera in CAMERAS.items():
        changed = model.measured(*_passed(images, camera, runtime))
        found[name], by[name] = draw.raised(changed, rows, sizes, options.draws)
    away = f"{MISSING} of {len(info.classes)} classes missing"
    there = np.flatnonzero(actual >= MISSING)
    kept = _chosen(pool, there)
    found[away], by[away] = draw.raised(kept, there, sizes, options.draws)

    start = time.process_time()
    alarms = sum(draw.is_changed(captured, check) for check in range(options.checks))
    seconds = (time.process_time() - start) / options.checks
    return {
        "backbone": info.backbone,
        "reference": reference,
        "sizes": sizes,
        "draws": options.draws,
        "raised": found,
        "by": by,
        "checks": options.checks,
        "false_alarms": alarms,
        "check_cpu_seconds": seconds,
    }


@dataclass(frozen=True)
class _Draw:
    """Draws reference and captured pictures from a pool, and compares them."""

    pool: Measured
    reference: int
    classes: tuple[str, ...]

    def is_changed(self, captured: int, seed: int) -> bool:
        """Check two samples of the pool, neither of them disturbed."""
        rows = np.random.default_rng(seed).permutation(len(self.pool.labels))
        first, second = rows[: self.reference], rows[self.reference :][:captured]
        return bool(self._changes(first, _chosen(self.pool, second)))

    def raised(
        self, changed: Measured, rows: npt.NDArray[np.int64], sizes: tuple[int, ...], draws: int
    ) -> tuple[list[float], list[str]]:
        """Return for every size the share of draws that were raised, and by what at the last.

        `changed` are pictures of these rows of the pool, none of which is in the reference.
        """
        shares, by = [], set()
        for size in sizes:
            raised = 0
            for seed in range(draws):
                random = np.random.default_rng(seed)
                chosen = random.permutation(len(rows))[:size]
                others = random.permutation(
                    np.setdiff1d(np.arange(len(self.pool.labels)), rows[chosen])
                )
                names = self._changes(others[: self.reference], _chosen(changed, chosen))
                raised += bool(names)
                by |= set(names) if size == sizes[-1] else set()
            shares.append(raised / draws)
        return shares, sorted(by)

    def _changes(self, first: npt.NDArray[np.int64], second: Measured) -> list[str]:
        reference = _chosen(self.pool, first)
        tests = differences(reference, second, self.classes, FALSE_ALARMS)
        return [test.name for test in tests if test.changed]


def _chosen(measured: Measured, rows: npt.NDArray[np.int64]) -> Measured:
    values = {field.name: getattr(measured, field.name) for field in fields(Measured)}
    return Measured(**{n: value[rows] if len(value) else value for n, value in values.items()})


def _rows(squares: list[Squares], rows: npt.NDArray[np.int64]) -> Squares:
    first = len(squares[0])
    return np.stack(
        [squares[0][row] if row < first else squares[1][row - first] for row in rows.tolist()]
    )


def _passed(
    images: Squares, camera: Callable[[Image.Image], Image.Image], runtime: Runtime
) -> tuple[Array, Array]:
    """Return features and looks of pictures as another camera takes them."""
    taken = np.stack([_taken(image, camera) for image in images])
    parts = torch.split(torch.from_numpy(taken), _BATCH)
    return np.concatenate([runtime.forward(part) for part in parts]), looks_of(taken)


def _taken(image: Squares, camera: Callable[[Image.Image], Image.Image]) -> Squares:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return np.asarray(camera(picture)).transpose(2, 0, 1).astype(np.uint8)


if __name__ == "__main__":
    main()
