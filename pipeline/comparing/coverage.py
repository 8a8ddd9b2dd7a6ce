"""Read how right a model is on what it is surest of, and what validation promised of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

SHOWN = 0.8  # the coverage that is told where there is room for one
_NEAR = 0.05  # of few pictures no point may be near it


@dataclass(frozen=True)
class CoveragePoint:
    """A share of the test pictures, the surest: how sure the least sure is, and how many right."""

    coverage: float
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Promise:
    """What the surest validation pictures promised, and what the test pictures made of it."""

    confidence: float
    coverage: float
    accuracy: float
    test_coverage: float
    test_accuracy: float | None
    kept: bool

    def words(self) -> str:
        """Say what was promised, and whether it was kept."""
        right = "" if self.test_accuracy is None else f", {self.test_accuracy:.1%} of them rightly"
        return (
            f"validation promised {self.accuracy:.1%} accuracy on the surest {self.coverage:.0%}; "
            f"as sure of {self.test_coverage:.0%} of the test{right}: "
            f"{'kept' if self.kept else 'not kept'}"
        )


_Point = TypeVar("_Point", CoveragePoint, Promise)


@dataclass(frozen=True)
class Coverage:
    """How right the model is when it answers only what it is sure of: in words, points, promises.

    `covered` of the pictures are answered with `accuracy`, where the gate asks for one; `refused`
    are called unknown, where the model tells.
    """

    summary: str
    points: tuple[CoveragePoint, ...] = ()
    promises: tuple[Promise, ...] = ()
    accuracy: float | None = None
    covered: float | None = None
    refused: float | None = None

    @property
    def promise(self) -> Promise | None:
        """The promise about the share that is told; None where none is near it."""
        return _shown(self.promises)

    def figures(self) -> dict[str, float]:
        """Return what two models can be compared by, by name."""
        shown = _shown(self.points)
        found = {
            f"accuracy_on_the_surest_{SHOWN:.0%}": shown.accuracy if shown else None,
            "called_unknown": self.refused,
        }
        if self.accuracy is not None:
            found[f"answered_with_{self.accuracy:g}_accuracy"] = self.covered
        return {name: value for name, value in found.items() if value is not None}


def read_coverage(evaluation: Mapping[str, Any]) -> Coverage | None:
    """Read the coverage in evaluation.json; None where it has none that can be read."""
    try:
        found = evaluation["coverage"]
        at = found.get("at") or {}
        return Coverage(
            summary=str(found["summary"]),
            points=tuple(CoveragePoint(**_shares(one)) for one in found.get("points", [])),
            promises=tuple(_promise(one) for one in found.get("promised", [])),
            accuracy=_share(at.get("accuracy")),
            covered=_share(at.get("coverage")),
            refused=_share((evaluation.get("unknown") or {}).get("refused")),
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _promise(found: Mapping[str, Any]) -> Promise:
    right, kept = found["test_accuracy"], bool(found["kept"])
    names = ("confidence", "coverage", "accuracy", "test_coverage")
    shares = _shares({name: found[name] for name in names})
    return Promise(**shares, test_accuracy=_share(right), kept=kept)


def _shares(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: share for name, value in found.items() if (share := _share(value)) is not None}


def _share(value: Any) -> float | None:
    if value is None:
        return None
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    return share


def _shown(points: Sequence[_Point]) -> _Point | None:
    """Return the point at the coverage that is told; None where none is near it."""
    near = [one for one in points if abs(one.coverage - SHOWN) <= _NEAR]
    return min(near, key=lambda one: abs(one.coverage - SHOWN), default=None)
