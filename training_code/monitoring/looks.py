"""Measure how stored pictures look, whatever they show: what a camera or its light changes."""

import numpy as np
import numpy.typing as npt

LOOKS = ("brightness", "contrast", "warmth", "tint", "sharpness")
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # of ITU-R BT.601, as JPEG has it

Squares = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]


def looks_of(squares: Squares) -> Values:
    """Return the looks of squares (N, 3, R, R), float32 (N, len(LOOKS)), on a scale of 0 to 1.

    Brightness is the mean grey, contrast its standard deviation; warmth is red less blue, tint
    green less the mean of both; sharpness is how much a pixel differs from the mean of its four
    neighbours, on average and relative to the contrast: light and contrast leave it as it is.
    """
    return np.stack([_looks(square) for square in squares])


def _looks(square: npt.NDArray[np.uint8]) -> Values:
    pixels = square.astype(np.float32) / 255
    red, green, blue = pixels.mean(axis=(1, 2))
    grey: Values = np.tensordot(_LUMA, pixels, axes=1).astype(np.float32, copy=False)
    contrast = float(grey.std())
    values = (grey.mean(), contrast, red - blue, green - (red + blue) / 2, _detail(grey, contrast))
    return np.array(values, np.float32)


def _detail(grey: Values, contrast: float) -> float:
    if min(grey.shape) < 3:
        return 0.0
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(grey[1:-1, 1:-1] - around / 4).mean()) / max(contrast, 1 / 255)
