"""Random generators go on where they were, through a file that holds no code."""

import io
import random

import numpy as np
import torch

from learning.random_states import random_states, restore_random_states


def draw() -> tuple[float, float, float, float]:
    normal, uniform = float(np.random.standard_normal()), float(np.random.random())
    return random.gauss(), normal, uniform, float(torch.rand(()))


def test_what_is_drawn_after_is_what_would_have_been() -> None:
    draw()
    file = io.BytesIO()
    torch.save(random_states(), file)
    expected = [draw() for _ in range(3)]
    file.seek(0)
    restore_random_states(torch.load(file, weights_only=True))
    assert [draw() for _ in range(3)] == expected
