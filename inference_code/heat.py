"""Draw what each place of a picture adds to its answer: a small PNG to lay over the picture."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocessing import Seen

Array = npt.NDArray[np.float32]

LARGEST_SIDE = 192  # pixels: the map itself has 7 x 7 places, mostly
_LEVELS = 64
_UNSEEN = _LEVELS  # the colour of what the network never saw, after those of the levels
# from nothing to most: red, green, blue and how much they cover, of 255
_STOPS = ((60, 10, 90, 0), (120, 20, 110, 90), (230, 90, 45, 150), (250, 190, 50, 185))
_UNSEEN_COLOUR = (20, 20, 25, 110)


def draw_heat(evidence: Array, seen: Seen) -> bytes:
    """Return evidence (h, w) as a PNG of the whole upright picture's shape, transparent where none.

    The place that speaks most for the answer has full colour; what speaks against it has none. What
    was cropped away, and so was not seen, is darkened. At most 192 pixels a side.
    """
    factor = LARGEST_SIDE / max(seen.width, seen.height)
    width, height = (max(1, round(side * factor)) for side in (seen.width, seen.height))
    columns = _span(seen.left * factor, seen.right * factor, width)
    rows = _span(seen.top * factor, seen.bottom * factor, height)
    colours = np.full((height, width), _UNSEEN, np.uint8)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    colours[rows, columns] = _levels(evidence, size)
    picture = Image.fromarray(colours).convert("P")
    table = _table()
    picture.putpalette(table[:, :3].tobytes())
    file = BytesIO()
    picture.save(file, "PNG", transparency=table[:, 3].tobytes())
    return file.getvalue()


def _span(start: float, end: float, side: int) -> slice:
    """Return whole pixels, one at least."""
    first = min(round(start), side - 1)
    return slice(first, max(min(round(end), side), first + 1))


def _levels(evidence: Array, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    places = Image.fromarray(np.maximum(evidence, 0).astype(np.float32))
    values = np.asarray(places.resize(size, Image.Resampling.BILINEAR))
    most = float(values.max())
    if not most > 0:
        return np.zeros(values.shape, np.uint8)
    levels: npt.NDArray[np.uint8] = (values / most * (_LEVELS - 1)).round().astype(np.uint8)
    return levels


def _table() -> npt.NDArray[np.uint8]:
    """Return the colours of the levels, and of what was not seen: (levels + 1, 4)."""
    places, stops = np.linspace(0, len(_STOPS) - 1, _LEVELS), np.array(_STOPS)
    ramp = [np.interp(places, np.arange(len(_STOPS)), channel) for channel in stops.T]
    return np.vstack([np.stack(ramp, axis=1).round(), _UNSEEN_COLOUR]).astype(np.uint8)
