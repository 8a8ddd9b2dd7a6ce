"""Read why the worst mistakes were made: explanations.jsonl, which Evaluate writes where it can."""

import json
from dataclasses import dataclass

from pipeline.explanations import Explanation, read_explanation
from pipeline.report.sources.facts import EVALUATE, Facts
from pipeline.report.sources.pictures import picture_reader
from pipeline.report.sources.source import Absent, Source

_SIDE = 96  # pixels of a training picture


@dataclass(frozen=True)
class SimilarPicture:
    """A training picture that a mistake looks like; `picture`: its square as a small JPEG."""

    file: str
    label: str
    similarity: float
    picture: bytes | None = None


def read_explanations(source: Source, facts: Facts) -> dict[str, Explanation]:
    """Return the explanations of test pictures by file; none where Evaluate wrote none."""
    try:
        content = source.read(f"{facts.output(EVALUATE, 'evaluation')}/explanations.jsonl")
        lines = [json.loads(line) for line in content.splitlines()]
        return {str(line["file"]): read_explanation(line) for line in lines}
    except Absent:
        return {}


def similar_pictures(
    source: Source, facts: Facts, explanations: dict[str, Explanation]
) -> dict[str, tuple[SimilarPicture, ...]]:
    """Return the training pictures that each file looks like, nearest first."""
    if not explanations:
        return {}
    picture_of = picture_reader(source, facts, "train", _SIDE)
    return {
        file: tuple(
            SimilarPicture(one.file, one.label, one.similarity, picture_of(one.file))
            for one in explanation.looks_like
        )
        for file, explanation in explanations.items()
    }
