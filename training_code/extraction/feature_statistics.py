"""Compute each feature's mean and standard deviation, once for every head that will be trained."""

import torch
from torch import Tensor

_SUMMED_ROWS = 256  # as float64 they stay in the processor's cache
_ROUNDING = 1e-6  # of float32, relative


def mean_and_std(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return each feature's mean and standard deviation over (views, N, D); a constant gets 1."""
    dimension = values.shape[2]
    total, squares = torch.zeros(2, dimension, dtype=torch.float64)
    rows = values.reshape(-1, dimension)
    for chunk in torch.split(rows, _SUMMED_ROWS):
        total += chunk.double().sum(0)
    mean = total / len(rows)
    for chunk in torch.split(rows, _SUMMED_ROWS):
        squares += (chunk.double() - mean).square().sum(0)
    std = (squares / len(rows)).sqrt()
    std[std <= _ROUNDING * mean.abs()] = 1.0
    return mean.float(), std.float()
