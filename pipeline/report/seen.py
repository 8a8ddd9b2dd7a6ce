"""Read which test pictures training saw, and what that does to the accuracy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Absent, Source

FEATURES = "ExtractFeatures"
"""The step that compares the pictures of the splits."""


@dataclass(frozen=True)
class SeenPicture:
    """A test picture that training saw: the same file as `like`, or nearly the same picture."""

    file: str
    like: str
    same_file: bool
    likeness: float


def read_seen(source: Source, facts: Facts) -> tuple[SeenPicture, ...] | None:
    """Return the test pictures that training saw; None when the run did not look for them."""
    try:
        folder = facts.output(FEATURES, "features")
        found = json.loads(source.read(f"{folder}/test_in_train.json"))
    except Absent:
        return None
    return tuple(
        SeenPicture(one["file"], one["like"], one["same_file"], one["likeness"])
        for one in found["seen"]
    )


def accuracy_without(
    predictions: Sequence[Mapping[str, Any]], seen: Sequence[SeenPicture] | None
) -> float | None:
    """Return the accuracy on the test pictures that training did not see; None without any."""
    known = {one.file for one in seen or ()}
    right = [row["label"] == row["prediction"] for row in predictions if row["file"] not in known]
    return sum(right) / len(right) if right else None


def seen_words(seen: Sequence[SeenPicture], pictures: int, rest: float | None) -> str:
    """Say how many of the test pictures those are, and the accuracy on the rest."""
    same = sum(one.same_file for one in seen)
    kinds = [f"{same:,} the very file"] if same else []
    kinds += [f"{len(seen) - same:,} nearly the same picture"] if len(seen) > same else []
    text = f"{len(seen):,} of {pictures:,} test pictures are in train or valid as well"
    without = "no other is left" if rest is None else f"without them it is {rest:.1%}"
    return f"{text} ({', '.join(kinds)}), which flatters the accuracy: {without}"
