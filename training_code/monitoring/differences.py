"""Compare two samples of pictures in every way that is measured, and say what differs."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.looks import LOOKS
from monitoring.reference import Measured
from monitoring.two_samples import (
    Statistic,
    class_shares,
    compare,
    discrepancy,
    largest_gap,
)

NEEDED = 50  # pictures of either sample: of fewer only the grossest change could be told
MOST_TOLD = 5
_SPARED = 2
# What a higher and a lower value of a look means.
_WORDS = {
    "brightness": ("brighter", "darker"),
    "contrast": ("richer in contrast", "poorer in contrast"),
    "warmth": ("warmer in colour", "cooler in colour"),
    "tint": ("greener", "more purple"),
    "sharpness": ("sharper", "less sharp"),
}
_HALF = 0.005  # of a class's share: what rounds to 1 %

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """One way of comparing: its name, how different the samples are, and in words how they are.

    `p` is how often chance makes as large a difference, times twice the number of ways: up to the
    share of false alarms that is allowed, it `changed`. `reference` and `captured` are the means of
    what is compared, None where that is no number.
    """

    name: str
    changed: bool
    p: float
    statistic: float
    sentence: str
    reference: float | None = None
    captured: float | None = None


@dataclass(frozen=True)
class _Way:
    name: str
    statistic: Statistic
    words: Callable[[bool], str]
    means: tuple[float | None, float | None] = (None, None)


def differences(
    reference: Measured, captured: Measured, classes: Sequence[str], false_alarms: float
) -> tuple[Difference, ...]:
    """Compare in all ways; any of them changes in at most `false_alarms` of unchanged samples.

    As many ways as there are share what is allowed (Bonferroni), and half of it is left: every
    check of a model has the same reference, and may have an unlucky one. Each p is exact, so this
    holds for samples of any size.
    """
    ways = list(_ways(reference, captured, classes))
    sharing = _SPARED * len(ways)
    most = math.ceil(sharing / false_alarms)
    first, second = len(reference.labels), len(captured.labels)
    found = []
    for number, way in enumerate(ways):
        outcome = compare(way.statistic, first, second, most, seed=number)
        p = min(1.0, outcome.p * sharing)
        changed = p <= false_alarms
        found.append(
            Difference(way.name, changed, p, outcome.statistic, way.words(changed), *way.means)
        )
    return tuple(found)


def _ways(reference: Measured, captured: Measured, classes: Sequence[str]) -> Iterator[_Way]:
    both = (reference, captured)
    places = np.concatenate([part.places for part in both])
    yield _Way("features", discrepancy(places), _features_words)
    yield _classes(reference.labels, captured.labels, classes)
    # many are all but certain, and how many digits say so depends on who multiplied
    yield _number("confidence", [part.confidence.round(3) for part in both], _confidence_words)
    if all(len(part.scores) for part in both):
        yield _number("unknown", [part.scores for part in both], _unknown_words)
    for column, name in enumerate(LOOKS):
        yield _number(name, [part.looks[:, column] for part in both], _look(name))
    if all(len(part.sizes) for part in both):
        yield _number("size", [_sides(part.sizes) for part in both], _size_words)
        yield _number("shape", [_shapes(part.sizes) for part in both], _shape_words)


def _number(
    name: str, samples: Sequence[Values], words: Callable[[bool, float, float], str]
) -> _Way:
    before, now = (float(np.mean(sample)) for sample in samples)
    statistic = largest_gap(np.concatenate(samples))
    return _Way(name, statistic, lambda changed: words(changed, before, now), (before, now))


def _classes(reference: Numbers, captured: Numbers, classes: Sequence[str]) -> _Way:
    before, now = class_shares_of(reference, classes), class_shares_of(captured, classes)
    moved = now - before

    def words(changed: bool) -> str:
        if not changed:
            return "The classes come as often as in training."
        told = [
            f"{classes[one]} {before[one]:.0%} → {now[one]:.0%}"
            for one in np.argsort(-np.abs(moved), kind="stable")[:MOST_TOLD]
            if abs(moved[one]) >= _HALF
        ]
        return f"Other classes come, or as often as others did: {', '.join(told)}."

    both = np.concatenate([reference, captured])
    return _Way("classes", class_shares(both, len(classes)), words)


def class_shares_of(labels: Numbers, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return how often each class is among the labels."""
    shares: npt.NDArray[np.float64] = np.bincount(labels, minlength=len(classes)) / len(labels)
    return shares


def _features_words(changed: bool) -> str:
    if changed:
        return "What the network sees in the pictures is not what it saw in training's."
    return "The network sees in the pictures what it saw in training's."


def _confidence_words(changed: bool, before: float, now: float) -> str:
    if not changed:
        return f"The model is as sure as it was ({now:.0%} on average)."
    word = "surer" if now > before else "less sure"
    return f"The model is {word} of its answers: {now:.0%} on average, {before:.0%} before."


def _unknown_words(changed: bool, before: float, now: float) -> str:
    if not changed:
        return "The pictures are as like the classes as they were."
    word, scores = "More" if now > before else "Fewer", f"mean score {now:.1f}, was {before:.1f}"
    return f"{word} pictures look like none of the classes ({scores})."


def _look(name: str) -> Callable[[bool, float, float], str]:
    higher, lower = _WORDS[name]

    def words(changed: bool, before: float, now: float) -> str:
        if not changed:
            return f"Their {name} is as it was."
        if abs(now - before) < 0.05 * abs(before):
            return f"Their {name} is spread differently (mean {now:.3f}, was {before:.3f})."
        word = higher if now > before else lower
        return f"They are {word}: {name} {now:.3f} on average, {before:.3f} before."

    return words


def _size_words(changed: bool, before: float, now: float) -> str:
    if not changed:
        return "They are as large as they were."
    sides = f"{now:,.0f} pixels on average, {before:,.0f} before"
    return f"They have another size: the shorter side has {sides}."


def _shape_words(changed: bool, before: float, now: float) -> str:
    if not changed:
        return "They are as wide for their height as they were."
    return f"They have another shape: {now:.2f} times as wide as high, {before:.2f} before."


def _sides(sizes: Numbers) -> Values:
    sides: Values = sizes.min(axis=1).astype(np.float32)
    return sides


def _shapes(sizes: Numbers) -> Values:
    width, height = np.maximum(sizes, 1).T
    shapes: Values = (width / height).astype(np.float32)
    return shapes
