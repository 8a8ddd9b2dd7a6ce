"""Judge captured pictures: whether anything changed, what, and which of them are most unusual."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.differences import NEEDED, Difference, class_shares_of, differences
from monitoring.passing import Passed
from monitoring.reference import Measured

CHANGED, UNCHANGED, TOO_FEW = "changed", "unchanged", "too_few"
_UNUSUAL = 12
_CLASSES = 20

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Unusual:
    """A captured picture unlike the reference, and the model's answer.

    `picture` is its file, `content` the sha256 of what was sent, `asked` when, and `distance` how
    far away the nearest reference picture is.
    """

    picture: str
    content: str
    asked: str
    label: str
    probability: float
    known: bool | None
    distance: float


@dataclass(frozen=True)
class ClassShare:
    """How often the model answers with a class: of reference and captured pictures."""

    name: str
    reference: float
    captured: float


@dataclass(frozen=True)
class Findings:
    """What the comparison found; `summary` says it in a sentence.

    `unknown_share` and that of the reference are None where the model tells no unknown pictures;
    `rows` has the rows of the unusual pictures.
    """

    verdict: str
    summary: str
    pictures: int
    reference_pictures: int
    smallest_p: float
    unknown_share: float | None
    unknown_share_reference: float | None
    tests: tuple[Difference, ...]
    classes: tuple[ClassShare, ...]
    unusual: tuple[Unusual, ...]
    rows: tuple[int, ...]

    def line(self) -> str:
        """Return the last line of the log, for metric filters."""
        unknown = -1.0 if self.unknown_share is None else self.unknown_share
        return (
            f"monitoring verdict={self.verdict} changed={int(self.verdict == CHANGED)} "
            f"pictures={self.pictures} smallest_p={self.smallest_p:.6f} "
            f"unknown_share={unknown:.6f}"
        )


def judge(
    reference: Measured,
    passed: Passed,
    classes: Sequence[str],
    limit: float | None,
    false_alarms: float,
) -> Findings:
    """Compare captured pictures with the reference; above `limit` a score says unknown.

    Of fewer than NEEDED pictures on either side nothing is said.
    """
    captured = passed.measured
    pictures, before = len(captured.labels), len(reference.labels)
    enough = min(pictures, before) >= NEEDED
    tests = differences(reference, captured, classes, false_alarms) if enough else ()
    verdict = _verdict(enough, tests)
    rows, distances = most_unusual(reference.places, captured.places)
    return Findings(
        verdict,
        _summary(verdict, tests, pictures, before, false_alarms),
        pictures,
        before,
        smallest_p=min((test.p for test in tests), default=1.0),
        unknown_share=_share_above(captured.scores, limit),
        unknown_share_reference=_share_above(reference.scores, limit),
        tests=tests,
        classes=_class_shares(reference, captured, classes) if enough else (),
        unusual=tuple(_unusual(passed, rows, distances, classes, limit)),
        rows=rows,
    )


def most_unusual(reference: Values, captured: Values) -> tuple[tuple[int, ...], Values]:
    """Return the rows furthest from their nearest reference picture, and all rows' distances."""
    if not len(captured) or not len(reference):
        return (), np.zeros(len(captured), np.float32)
    squares = (captured**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1)
    nearest = np.sqrt(np.maximum((squares - 2 * captured @ reference.T).min(axis=1), 0))
    order = np.argsort(-nearest, kind="stable")[:_UNUSUAL]
    return tuple(order.tolist()), nearest


def _verdict(enough: bool, tests: Sequence[Difference]) -> str:
    if not enough:
        return TOO_FEW
    return CHANGED if any(test.changed for test in tests) else UNCHANGED


def _summary(
    verdict: str, tests: Sequence[Difference], pictures: int, before: int, false_alarms: float
) -> str:
    if verdict == TOO_FEW:
        short = f"{pictures:,} different pictures were captured"
        if before < NEEDED <= pictures:
            short = f"the model keeps {before:,} validation pictures to compare with"
        return f"Nothing can be said: {short}, {NEEDED} are needed."
    compared = f"{pictures:,} captured pictures with {before:,} of the validation split"
    if verdict == UNCHANGED:
        return f"Nothing changed, comparing {compared} in {len(tests)} ways."
    names = ", ".join(test.name for test in tests if test.changed)
    rare = f"at most 1 in {1 / false_alarms:,.0f} checks of unchanged pictures says so by chance"
    return f"Changed: {names}, comparing {compared}; {rare}."


def _share_above(scores: Values, limit: float | None) -> float | None:
    return float((scores > limit).mean()) if limit is not None and len(scores) else None


def _class_shares(
    reference: Measured, captured: Measured, classes: Sequence[str]
) -> tuple[ClassShare, ...]:
    """Return the classes whose share moved most, the most first."""
    before, now = (class_shares_of(part.labels, classes) for part in (reference, captured))
    order = np.argsort(-np.abs(now - before), kind="stable")[:_CLASSES]
    return tuple(ClassShare(classes[one], float(before[one]), float(now[one])) for one in order)


def _unusual(
    passed: Passed,
    rows: Sequence[int],
    distances: Values,
    classes: Sequence[str],
    limit: float | None,
) -> Iterator[Unusual]:
    measured = passed.measured
    for number, row in enumerate(rows, start=1):
        yield Unusual(
            picture=f"unusual/{number}.jpg",
            content=passed.contents[row],
            asked=passed.asked[row],
            label=classes[measured.labels[row]],
            probability=float(measured.confidence[row]),
            known=None if limit is None else bool(measured.scores[row] <= limit),
            distance=float(distances[row]),
        )
