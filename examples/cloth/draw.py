"""Draw pictures of woven cloth, sound or with a fault: python -m examples.cloth.draw DIR.

They stand for the pictures of a camera above a loom. What makes a class is small and anywhere in
the picture; the cloth's colour, its thread and the light say nothing about it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.float64]
SIDE = 128
CLASSES = ("broken-thread", "hole", "sound", "stain")


def main() -> int:
    """Write `DIR/<class>/<number>.png`."""
    parser = argparse.ArgumentParser(prog="python -m examples.cloth.draw", description=__doc__)
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="a folder, made when it is missing"
    )
    parser.add_argument("--per-class", type=int, default=60, metavar="N", help="default: 60")
    given = parser.parse_args()
    for label, name in enumerate(CLASSES):
        (given.folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(given.per_class):
            picture = draw(name, np.random.default_rng([label, number]))
            picture.save(given.folder / name / f"{number:04}.png")
    print(f"{len(CLASSES) * given.per_class} pictures in {given.folder}: {', '.join(CLASSES)}")
    return 0


def draw(name: str, random: np.random.Generator) -> Image.Image:
    """Return one picture of that class, all else left to chance."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    period = random.uniform(7, 11)
    warp, weft = np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / period)
    light = 1 + random.uniform(-0.2, 0.2) * (x / SIDE - 0.5)
    shade = (0.75 + 0.12 * warp * weft + random.normal(0, 0.03, x.shape)) * light
    colour = random.uniform(110, 230, size=3)
    pixels = shade[..., None] * colour
    place, size = random.uniform(0.25, 0.75, size=2) * SIDE, random.uniform(0.12, 0.22) * SIDE
    away = np.hypot(x - place[0], y - place[1])
    if name == "hole":
        pixels = np.where((away < size)[..., None], 15.0, pixels)
    if name == "stain":
        soft = np.clip(1.3 - away / size, 0, 1)[..., None]
        pixels = pixels * (1 - 0.6 * soft) + np.array([60.0, 40.0, 20.0]) * 0.6 * soft
    if name == "broken-thread":
        pixels = np.where(_gap(x, place[0], period)[..., None], 15.0, pixels)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _gap(x: Plane, place: float, period: float) -> npt.NDArray[np.bool_]:
    """Mask one missing thread from edge to edge."""
    missing: npt.NDArray[np.bool_] = np.abs(x - place) < period / 3
    return missing


if __name__ == "__main__":
    sys.exit(main())
