"""Take down the state of every random generator of this process, and put it back."""

import random
from typing import Any

import numpy as np
import torch

States = dict[str, Any]


def random_states() -> States:
    """Return the generators' states, as tensors and plain values."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    on_gpu = torch.cuda.is_available()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.array(keys, np.int64)), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if on_gpu else None,
    }


def restore_random_states(states: States) -> None:
    """Put back what `random_states` returned."""
    version, values, gauss_next = states["python"]
    random.setstate((version, tuple(values), gauss_next))
    name, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"])
