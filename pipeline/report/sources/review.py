"""Read what ExtractFeatures found in a run's pictures that a person should see."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, Facts
from pipeline.report.sources.source import Absent, Source

REVIEW_FILE = "review.json"


@dataclass(frozen=True)
class Picture:
    """A picture of a run's data; `content` is the sha256 of its file, by which it is decided."""

    file: str
    split: str
    label: str
    content: str


@dataclass(frozen=True)
class Suspect:
    """A picture whose label may be wrong, what it then is, and the odds of wrong against right."""

    picture: Picture
    likely: str
    odds: float

    @property
    def words(self) -> str:
        """What it rather is; without a number, as the odds are cautious rather than exact."""
        return f"{'probably' if self.odds >= 1 else 'perhaps'} rather {self.likely}"


@dataclass(frozen=True)
class Copied:
    """A picture that is nearly the same as another, which stays when this one is removed."""

    picture: Picture
    like: Picture
    likeness: float


@dataclass(frozen=True)
class Unlike:
    """A picture that is unlike all others, and how like the most alike one is."""

    picture: Picture
    similarity: float


@dataclass(frozen=True)
class Mixing:
    """Two classes, and how many of their pictures look more like the other's."""

    first: str
    second: str
    mixed: int
    pictures: int


@dataclass(frozen=True)
class Review:
    """What a person should see of a run's data, of each kind the most doubtful first.

    Labels of `suspects` are rather wrong than right; `doubtful` are those that come after them.
    Pictures that were decided to be kept are left out. `classes` are the data set's; `notes` say
    what was not looked for, or is not listed.
    """

    pictures: int
    classes: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    doubtful: tuple[Suspect, ...]
    copies: tuple[Copied, ...]
    unlike: tuple[Unlike, ...]
    mixing: tuple[Mixing, ...]
    notes: tuple[str, ...]


def read_review(source: Source, facts: Facts) -> Review:
    """Read the review of a run. Raises Absent when there is none, or it is damaged."""
    folder = facts.output(EXTRACT_FEATURES, "features")
    try:
        text = source.read(f"{folder}/{REVIEW_FILE}")
    except Absent as error:
        raise Absent(f"{error}; runs of earlier versions have no review: run it again") from error
    data = json.loads(source.read(f"{facts.output(PREPARE, 'dataset')}/dataset.json"))
    kept = set(data.get("decisions", {}).get("kept", ()))
    try:
        return _review(json.loads(text), tuple(data["classes"]), kept)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Absent(f"{REVIEW_FILE} is damaged: {error!r}") from error


def _review(found: Mapping[str, Any], classes: tuple[str, ...], kept: set[str]) -> Review:
    def listed(kind: str) -> Sequence[dict[str, Any]]:
        return [one for one in found[kind] if one["picture"]["content"] not in kept]

    def labels(kind: str) -> tuple[Suspect, ...]:
        return tuple(
            Suspect(Picture(**one["picture"]), one["likely"], one["odds"]) for one in listed(kind)
        )

    return Review(
        pictures=int(found["pictures"]),
        classes=classes,
        suspects=labels("suspects"),
        doubtful=labels("doubtful") if "doubtful" in found else (),  # the first reviews had none
        copies=tuple(
            Copied(Picture(**one["picture"]), Picture(**one["like"]), one["likeness"])
            for one in listed("copies")
        ),
        unlike=tuple(
            Unlike(Picture(**one["picture"]), one["similarity"]) for one in listed("unlike")
        ),
        mixing=tuple(Mixing(**one) for one in found["mixing"]),
        notes=tuple(found["notes"]),
    )
