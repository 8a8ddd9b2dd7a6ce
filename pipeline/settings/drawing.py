"""Draw the settings that a search in parts tries: from the ranges and the seed alone.

They lie evenly, however many there are: each further point of an additive recurrence falls into
the widest gap (Martin Roberts' R sequence). `seed` shifts all of them.
"""

import itertools
import math
import random
from collections.abc import Iterator

from pipeline.settings.model import CategoricalRange, IntegerRange, Range, Settings, Tuning
from training_code.searching.settings_table import Setting, part_names, write_table

_AUTO_LOG_RATIO = 100  # Auto takes a logarithmic scale for ranges over two powers of ten
_TRIES = 1000  # for each setting, where few values make it likely that one comes again


def is_in_parts(tuning: Tuning) -> bool:
    """Check whether a training job of the tuning searches several settings."""
    return tuning.settings_per_trial > 1


def drawn_settings(settings: Settings) -> list[Setting]:
    """Return the settings to try, no two alike; fewer than asked for where there are no more."""
    tuning = settings.tuning
    ranges = dict(tuning.ranges.items())
    if tuning.strategy == "Grid":
        rows = itertools.product(*(map(str, values.values) for values in _categories(ranges)))
        return [dict(zip(ranges, row, strict=True)) for row in rows]
    found: dict[tuple[str, ...], None] = {}
    for point in itertools.islice(_points(len(ranges), tuning.seed), tuning.max_jobs * _TRIES):
        found[tuple(map(_value, ranges.values(), point))] = None
        if len(found) == tuning.max_jobs:
            break
    return [dict(zip(ranges, row, strict=True)) for row in found]


def drawn_parts(settings: Settings) -> list[str]:
    """Name the parts of the drawn settings, one a training job."""
    return part_names(len(drawn_settings(settings)), settings.tuning.settings_per_trial)


def drawn_table(settings: Settings) -> str:
    """Return the drawn settings as the jobs get them."""
    return write_table(drawn_settings(settings))


def _categories(ranges: dict[str, Range]) -> Iterator[CategoricalRange]:
    return (values for values in ranges.values() if isinstance(values, CategoricalRange))


def _points(dimensions: int, seed: int) -> Iterator[list[float]]:
    """Yield points in the unit cube that fill it evenly, each number of them."""
    ratio = 2.0
    for _ in range(60):  # its fixed point: x ** (dimensions + 1) == x + 1
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = [ratio ** -(one + 1) for one in range(dimensions)]
    generator = random.Random(seed)  # noqa: S311 - no secret
    starts = [generator.random() for _ in steps]
    for number in itertools.count():
        yield [(at + number * step) % 1 for at, step in zip(starts, steps, strict=True)]


def _value(values: Range, point: float) -> str:
    """Return the value at a point from 0 to 1 of a range, on its scale."""
    if isinstance(values, CategoricalRange):
        return str(values.values[int(point * len(values.values))])
    if isinstance(values, IntegerRange):
        # each whole number has the same share of the scale
        low, high = values.min - 0.5, values.max + 0.5
        found = round(_scaled(low, high, _scaling(values), point))
        return str(min(values.max, max(values.min, found)))
    number = float(f"{_scaled(values.min, values.max, _scaling(values), point):.4g}")
    return f"{min(values.max, max(values.min, number)):.10g}"


def _scaled(low: float, high: float, scaling: str, point: float) -> float:
    if scaling == "Logarithmic":
        return math.exp(math.log(low) + point * (math.log(high) - math.log(low)))
    if scaling == "ReverseLogarithmic":
        return 1 - _scaled(1 - high, 1 - low, "Logarithmic", 1 - point)
    return low + point * (high - low)


def _scaling(values: Range) -> str:
    if isinstance(values, CategoricalRange):
        return "Linear"
    if values.scaling != "Auto":
        return values.scaling
    is_wide = values.min > 0 and values.max / values.min >= _AUTO_LOG_RATIO
    return "Logarithmic" if is_wide else "Linear"
