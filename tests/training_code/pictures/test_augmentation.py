"""Random views: deterministic, of the right size, and always of the picture."""

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from pictures.augmentation import random_view, random_views


@given(side=st.integers(1, 40), crop=st.integers(1, 40), seed=st.integers(0, 2**32))
@example(side=2, crop=1, seed=0)  # torch's own resize fails on it
def test_a_view_has_the_size_asked_for_and_shows_the_picture(
    side: int, crop: int, seed: int
) -> None:
    square = torch.full((3, side, side), 7, dtype=torch.uint8)
    view = random_view(square, crop, np.random.default_rng(seed))
    assert view.dtype == torch.uint8
    assert torch.equal(view, torch.full((3, crop, crop), 7, dtype=torch.uint8))


def test_the_key_decides_the_view_and_the_batch_does_not() -> None:
    squares = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    keys = [[0, row] for row in range(4)]
    together = random_views(squares, 16, keys)
    alone = torch.cat([random_views(squares[i : i + 1], 16, keys[i : i + 1]) for i in range(4)])
    assert torch.equal(together, alone)
    assert not torch.equal(together, random_views(squares, 16, [[1, row] for row in range(4)]))


def test_views_are_cropped_scaled_and_sometimes_mirrored() -> None:
    ramp = torch.arange(0, 240, 6, dtype=torch.uint8).expand(3, 40, 40)
    views = random_views(ramp.expand(200, 3, 40, 40), 32, [[row] for row in range(200)])
    mirrored = views[:, 0, 16, 0] > views[:, 0, 16, -1]
    assert 60 < int(mirrored.sum()) < 140
    widths = (views[:, 0, 16, 0].int() - views[:, 0, 16, -1].int()).abs()
    assert widths.min() >= 0.4 * 234
    assert widths.max() > 0.9 * 234
