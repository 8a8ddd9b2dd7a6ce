"""Define what a comparison of two models reports to programs."""

from dataclasses import dataclass
from typing import Literal

from pipeline.comparing.coverage import Promise
from pipeline.comparing.differences import Difference
from pipeline.comparing.intervals import LEVEL
from pipeline.comparing.measured import (
    AccuracyDifference,
    MeasuredDifference,
    Measurements,
    PairedCounts,
)


@dataclass(frozen=True)
class ComparedNumber:
    """A number of two models: a metric, or the recall of a class with `count` pictures.

    `difference` is the first less the second.
    """

    name: str
    first: float
    second: float
    count: int | None
    difference: float


@dataclass(frozen=True)
class ComparedAccuracy:
    """The first model's accuracy less the second's, and the interval that it lies in at `level`.

    Without `pairs`, `reason` says why there are none; the interval is then wider.
    """

    value: float
    low: float
    high: float
    level: float
    method: Literal["paired", "unpaired"]
    pairs: PairedCounts | None
    reason: str


@dataclass(frozen=True)
class Compared:
    """What two models were made with and what was measured of them; `classes` by the difference.

    `settings`: what differs, None when one's are not known: `unknown` then says whose. Nothing is
    measured of a run that was not tested. `promises`: what validation promised of what each is
    surest of, None where nothing was.
    """

    warnings: tuple[str, ...]
    accuracy_difference: ComparedAccuracy | None
    metrics: tuple[ComparedNumber, ...]
    classes: tuple[ComparedNumber, ...]
    settings: tuple[Difference, ...] | None
    unknown: str
    promises: tuple[Promise | None, Promise | None]


def compared(
    measured: Measurements | None, settings: tuple[Difference, ...] | None, unknown: str
) -> Compared:
    """Return a comparison as it is reported; `measured` None: nothing is."""
    accuracy = measured.accuracy if measured else None
    return Compared(
        warnings=measured.warnings if measured else (),
        accuracy_difference=_accuracy(accuracy) if accuracy else None,
        metrics=tuple(map(_number, measured.metrics)) if measured else (),
        classes=tuple(map(_number, measured.classes)) if measured else (),
        settings=settings,
        unknown=unknown,
        promises=measured.promises if measured else (None, None),
    )


def _number(one: MeasuredDifference) -> ComparedNumber:
    return ComparedNumber(one.name, one.first, one.second, one.count, one.difference)


def _accuracy(one: AccuracyDifference) -> ComparedAccuracy:
    method: Literal["paired", "unpaired"] = "paired" if one.pairs else "unpaired"
    ends = (one.interval.low, one.interval.high)
    return ComparedAccuracy(one.value, *ends, LEVEL, method, one.pairs, one.reason)
