"""Say how many pictures of the data a person should look at, and where two classes mix."""

from typing import Any

from pipeline.report.section import Section
from pipeline.report.sources.review import Review, read_review

_SHOWN = 8


def _rows(review: Review) -> dict[str, Any]:
    labels = (*review.suspects, *review.doubtful)
    return {"suspects": labels[:_SHOWN], "mixing": review.mixing[:_SHOWN]}


SECTION = Section(
    name="review",
    title="Labels and copies",
    place=85,
    turn=15,
    read=lambda run: read_review(run.source, run.facts),
    rows=_rows,
)
