"""Draw the pictures of the generated sample: animals' coats, from a random generator.

A coat is a pattern in two colours, at any angle, size and place. Colours vary so much that
classes overlap, and light, noise and blots lie over them: a network has to learn, and even a good
one is sometimes wrong.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.errors import PipelineError, UsageError

Colour = tuple[int, int, int]
Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
MIN_SIDE, MAX_SIDE = 96, 160
COLOUR_SPREAD = 22.0  # standard deviation of each channel, of 255: sets how hard the task is


@dataclass(frozen=True)
class Coat:
    """A class of pictures: its pattern on a plane of unit periods, and its two colours.

    `pattern` says where the front colour is.
    """

    pattern: Callable[[Plane, Plane], Mask]
    front: Colour
    back: Colour


def draw_picture(coat: Coat, random: np.random.Generator) -> Image.Image:
    """Draw one RGB picture of a coat, everything else about it left to chance."""
    height, width = (int(side) for side in random.integers(MIN_SIDE, MAX_SIDE + 1, size=2))
    across, down = _grid(height, width, random)
    front, back = (random.normal(colour, COLOUR_SPREAD) for colour in (coat.front, coat.back))
    pixels = np.where(coat.pattern(across, down)[..., None], front, back)
    pixels = _blots(pixels, random) * _light(height, width, random)
    pixels = pixels + random.normal(0, random.uniform(4, 18), pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write_sample(
    folder: Path,
    classes: int = 6,
    per_class: int = 60,
    seed: int = 0,
    shuffle_labels: bool = False,
) -> list[str]:
    """Write `folder/<class>/<number>.jpg` and return the class names.

    The same arguments give the same bytes (with the same numpy and Pillow). With
    `shuffle_labels` the same pictures lie in random classes, so that nothing can be learned.
    Raises UsageError for impossible numbers or when `folder` holds anything already, and
    PipelineError when it cannot be written.
    """
    _check_numbers(classes, len(COATS), per_class, seed)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder; name a new one, or remove it first")
    names = list(COATS)[:classes]
    drawn = [name for name in names for _ in range(per_class)]
    labels = np.random.default_rng(seed).permutation(drawn) if shuffle_labels else drawn
    try:
        for number, (name, label) in enumerate(zip(drawn, labels, strict=True)):
            random = np.random.default_rng([seed, number])
            path = folder / str(label) / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_picture(COATS[name], random).save(path, quality=int(random.integers(70, 93)))
    except OSError as error:
        raise PipelineError(f"{folder} cannot be written: {error.strerror}") from error
    return names


def _grid(height: int, width: int, random: np.random.Generator) -> tuple[Plane, Plane]:
    """Return two planes of coordinates in the pattern's periods, turned, scaled and moved."""
    period = random.uniform(16, 30)
    angle = random.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = x - random.uniform(0.3, 0.7) * width, y - random.uniform(0.3, 0.7) * height
    across = (x * math.cos(angle) - y * math.sin(angle)) / period
    down = (x * math.sin(angle) + y * math.cos(angle)) / period
    return across, down


def _light(height: int, width: int, random: np.random.Generator) -> Plane:
    """Return the brightness from one corner to the other: (H, W, 1), around 1."""
    start, right, below = random.uniform(0.75, 1.2), *random.uniform(-0.3, 0.3, size=2)
    light = start + np.add.outer(np.linspace(0, below, height), np.linspace(0, right, width))
    return np.asarray(light[..., None])


def _blots(pixels: Plane, random: np.random.Generator) -> Plane:
    """Draw a few discs of plain colour in front of the picture."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(int(random.integers(1, 5))):
        centre_y, centre_x = random.uniform(0, height), random.uniform(0, width)
        radius = random.uniform(0.08, 0.22) * min(height, width)
        disc = np.hypot(y - centre_y, x - centre_x) < radius
        pixels = np.where(disc[..., None], random.uniform(20, 235, size=3), pixels)
    return pixels


def stripes(across: Plane, down: Plane) -> Mask:
    """Mask parallel bars, one a period."""
    return np.sin(2 * np.pi * across) > 0


def waves(across: Plane, down: Plane) -> Mask:
    """Mask bars that sway."""
    return np.sin(2 * np.pi * (across + 0.3 * np.sin(np.pi * down))) > 0


def zigzags(across: Plane, down: Plane) -> Mask:
    """Mask bars with sharp bends."""
    return np.sin(2 * np.pi * (across + 1.5 * np.abs(_cell(down / 2)))) > 0


def dots(across: Plane, down: Plane) -> Mask:
    """Mask a disc in every cell."""
    front: Mask = np.hypot(_cell(across), _cell(down)) < 0.3
    return front


def lattice(across: Plane, down: Plane) -> Mask:
    """Mask thin lines both ways."""
    front: Mask = np.minimum(np.abs(_cell(across)), np.abs(_cell(down))) < 0.1
    return front


def rings(across: Plane, down: Plane) -> Mask:
    """Mask circles around one centre."""
    front: Mask = np.sin(2 * np.pi * np.hypot(across, down)) > 0
    return front


def rays(across: Plane, down: Plane) -> Mask:
    """Mask beams from one centre."""
    front: Mask = np.sin(5 * np.arctan2(down, across)) > 0
    return front


def patches(across: Plane, down: Plane) -> Mask:
    """Mask large irregular spots."""
    bent = down + 0.7 * np.sin(1.9 * across)
    front: Mask = np.sin(2.1 * across + np.sin(2.6 * down)) + np.sin(2.3 * bent) > 0.2
    return front


def _cell(values: Plane) -> Plane:
    """Return where a point lies within its period: -0.5 to 0.5, 0 in the middle."""
    place: Plane = values - np.floor(values) - 0.5
    return place


COATS = {
    "zebra": Coat(stripes, (235, 235, 230), (25, 25, 30)),
    "leopard": Coat(dots, (60, 40, 20), (215, 170, 80)),
    "tiger": Coat(waves, (225, 120, 30), (30, 20, 15)),
    "ladybird": Coat(dots, (30, 20, 20), (200, 30, 30)),
    "peacock": Coat(rings, (20, 90, 150), (40, 170, 110)),
    "giraffe": Coat(lattice, (225, 200, 150), (140, 80, 35)),
    "cow": Coat(patches, (40, 35, 35), (225, 220, 215)),
    "adder": Coat(zigzags, (70, 60, 35), (160, 160, 90)),
    "wasp": Coat(stripes, (240, 210, 40), (25, 20, 15)),
    "starfish": Coat(rays, (235, 130, 100), (40, 80, 140)),
}


def _check_numbers(classes: int, most_classes: int, per_class: int, seed: int) -> None:
    if not 2 <= classes <= most_classes:
        raise UsageError(f"--classes {classes}: give a number from 2 to {most_classes}")
    if per_class < 3:
        raise UsageError(f"--per-class {per_class}: give 3 or more, one for each split")
    if seed < 0:
        raise UsageError(f"--seed {seed}: give 0 or more")
