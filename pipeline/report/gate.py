"""Say which of the gate's conditions a run did not meet, by how much, and what chance decided."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Absent, Source

RULE_FOUND = "rule found issues"
_Z = NormalDist().inv_cdf(0.975)
_SMALLEST_GAP = 0.001  # of an accuracy: closer to the threshold no number of pictures decides


@dataclass(frozen=True)
class Gate:
    """What the gate asks for, and what it looked at; None where it does not ask.

    `coverage` is the share of the pictures, the surest, that is answered with `covered_accuracy`,
    and `coverage_minimum` the least that is asked for. `shortfall`: how much worse the model is
    than the champion, as `champion` says in words. `issues`: what debugger rules found that the
    gate listens to, in words.
    """

    threshold: float | None = None
    tolerance: float | None = None
    shortfall: float | None = None
    champion: str | None = None
    issues: str | None = None
    coverage: float | None = None
    covered_accuracy: float | None = None
    coverage_minimum: float | None = None


@dataclass(frozen=True)
class Unmet:
    """A condition that does not hold: the finding's name, for advice, and what is said of it."""

    finding: str
    text: str


def parameter(facts: Facts, name: str) -> float | None:
    """Return a run's parameter that is a number; None when the pipeline has none of that name."""
    text = facts.parameters.get(name)
    return float(text) if text is not None else None


def issues_heard(source: Source, facts: Facts) -> str | None:
    """Return what the rules found that the gate listens to; None when it does not, or nothing."""
    try:
        folder = facts.output("CheckTensors", "findings")
        found = json.loads(source.read(f"{folder}/findings.json"))
    except Absent:
        return None
    return str(found["summary"]) if found["issues_found"] else None


def champion_words(compared: Mapping[str, Any] | None) -> str | None:
    """Say how the champion did, as Evaluate wrote it; None when that was not asked."""
    if compared is None:
        return None
    return str(compared.get("summary") or compared.get("reason") or "") or None


def shortfall_of(compared: Mapping[str, Any] | None) -> float | None:
    """Return how much worse the model is than the champion; None when that was not compared."""
    return compared.get("shortfall") if compared and compared.get("compared") else None


def unmet(gate: Gate, right: int, pictures: int) -> tuple[Unmet, ...]:
    """Return the conditions that do not hold, given how many test pictures are right."""
    return tuple(_unmet(gate, right, pictures)) if pictures else ()


def _unmet(gate: Gate, right: int, pictures: int) -> Iterator[Unmet]:
    accuracy, threshold = right / pictures, gate.threshold
    if threshold is not None and accuracy < threshold:
        more = math.ceil(threshold * pictures - 1e-9) - right
        text = (
            f"Test accuracy {accuracy:.1%} is below the gate's {threshold:.1%} by"
            f" {_points(threshold - accuracy)}: {more:,} more of {pictures:,} pictures right"
            " would do"
        )
        yield Unmet("accuracy too low", text)
    least, covered = gate.coverage_minimum, gate.coverage
    if least is not None and covered is not None and covered < least:
        text = (
            f"Only the surest {covered:.1%} of the pictures are answered with an accuracy of"
            f" {gate.covered_accuracy:.1%}, and the gate asks for {least:.1%}"
        )
        yield Unmet("accuracy too low", text)
    shortfall, tolerance = gate.shortfall, gate.tolerance
    if shortfall is not None and tolerance is not None and shortfall > tolerance:
        text = (
            f"Worse than the champion by {_points(shortfall)}, {_points(shortfall - tolerance)}"
            f" more than ChampionTolerance allows: {gate.champion}"
        )
        yield Unmet("worse than the champion", text)
    if gate.issues:
        yield Unmet(RULE_FOUND, f"Debugger rules found issues: {gate.issues}")


def chance(gate: Gate, right: int, pictures: int, low: float, high: float) -> str | None:
    """Say why so few test pictures leave the gate's decision to chance; None when they do not.

    It is left to chance when the threshold lies within the accuracy's 95 % interval (`low` to
    `high`), or when one picture alone makes more difference than the champion's tolerance.
    """
    if not pictures:
        return None
    accuracy, threshold = right / pictures, gate.threshold
    few = f"{pictures:,} test picture{'' if pictures == 1 else 's'}"
    if threshold is not None and threshold > 0 and low < threshold <= high:
        text = f"{few} cannot tell: the accuracy may be anything from {low:.1%} to {high:.1%}"
        return f"{text}, and the gate asks for {threshold:.1%}{_needed(accuracy, threshold)}"
    if gate.shortfall is None or gate.tolerance is None or gate.tolerance == 0:
        return None
    if 1 / pictures > gate.tolerance:
        one = f"one of {few} is {_points(1 / pictures)}, more than ChampionTolerance"
        needed = math.ceil(1 / gate.tolerance)
        return f"{one} ({_points(gate.tolerance)}): {needed:,} pictures or more can tell"
    return None


def _needed(accuracy: float, threshold: float) -> str:
    """Say how many pictures would tell this accuracy from the threshold, where any number would."""
    gap = abs(accuracy - threshold)
    if gap < _SMALLEST_GAP:
        return ""
    spread = max(share * (1 - share) for share in (accuracy, threshold))
    needed = spread * (_Z / gap) ** 2
    rounded = math.ceil(needed / 10) * 10
    return f"; about {rounded:,} pictures would tell"


def _points(share: float) -> str:
    """Format a difference of accuracies: in tenths of a point, or as small as it is."""
    points = 100 * share
    text = f"{points:.1f}" if points >= 0.05 else f"{points:.2g}"
    return f"{text} point{'' if text == '1.0' else 's'}"
