"""Sort answers by confidence, the surest first, and choose the points of the curve over them."""

import numpy as np
import numpy.typing as npt

POINTS = 20  # 5 %, 10 %, … of the pictures

Counts = npt.NDArray[np.int64]


def surest(confidence: npt.NDArray[np.floating]) -> tuple[Counts, Counts]:
    """Return the rows, the surest first, and after how many of them each point of a curve lies.

    Answers of one confidence are given together or not at all: no point parts them.
    """
    order = np.argsort(-confidence, kind="stable")
    doubt = -confidence[order]
    shares = np.arange(1, POINTS + 1) / POINTS
    counts = np.ceil(shares * len(order) - 1e-9).astype(np.int64)
    return order, np.unique(np.searchsorted(doubt, doubt[counts - 1], side="right"))
