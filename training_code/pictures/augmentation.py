"""Draw random views of stored pictures: augmentation for cached features and fine-tuning."""

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import hflip, resized_crop

SMALLEST_AREA = 0.35
LARGEST_ASPECT = 4 / 3


def random_view(square: Tensor, crop: int, random: np.random.Generator) -> Tensor:
    """Draw a random part of a square, scaled to `crop`, half of the time mirrored.

    uint8 (3, R, R) -> uint8 (3, crop, crop). The part has 35 to 100 % of the area and sides in a
    proportion of 3:4 to 4:3. The same state of `random` gives the same view.
    """
    side = square.shape[-1]
    area = random.uniform(SMALLEST_AREA, 1.0)
    aspect = LARGEST_ASPECT ** random.uniform(-1.0, 1.0)
    height = min(side, max(1, round(side * (area / aspect) ** 0.5)))
    width = min(side, max(1, round(side * (area * aspect) ** 0.5)))
    top = int(random.integers(side - height + 1))
    left = int(random.integers(side - width + 1))
    size = max(2, crop)  # torch cannot make one pixel
    part = resized_crop(square, top, left, height, width, [size, size], antialias=True)
    part = part[..., :crop, :crop]
    view: Tensor = hflip(part) if random.random() < 0.5 else part
    return view


def random_views(squares: Tensor, crop: int, keys: list[list[int]]) -> Tensor:
    """Draw one random view of each square: uint8 (N, 3, R, R) -> uint8 (N, 3, crop, crop).

    `keys` holds one list of integers for each square that decides its view, whatever the batch.
    """
    views = [
        random_view(square, crop, np.random.default_rng(key))
        for square, key in zip(squares, keys, strict=True)
    ]
    return torch.stack(views)
