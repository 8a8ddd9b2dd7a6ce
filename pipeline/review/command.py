"""Review a run's data: write the page, and bring the file of decisions up to date."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, read_facts
from pipeline.report.sources.review import Review, read_review
from pipeline.report.sources.source import Source
from pipeline.review.deciding import Reviewing
from pipeline.review.decisions_file import counted


@dataclass(frozen=True)
class Reviewed:
    """A run's review, its page, and the file of decisions with how many rows it has."""

    run: str
    review: Review
    page: Path
    decisions: Path
    rows: str

    def lines(self) -> list[str]:
        """Return what the command prints."""
        found = self.review
        lines = [
            f"run        {self.run}: {found.pictures:,} pictures that training sees",
            f"labels     {len(found.suspects):,} probably wrong, {len(found.doubtful):,} doubtful",
            f"copies     {len(found.copies):,} nearly the same as another",
            f"unlike     {len(found.unlike):,} unlike all others",
        ]
        if found.mixing:
            most = found.mixing[0]
            lines.append(
                f"mixing     {most.first} and {most.second}: {most.mixed} of {most.pictures} look"
                " like the other"
            )
        lines += [f"note       {note}" for note in found.notes]
        return [
            *lines,
            f"page       {self.page}",
            f"decisions  {self.decisions}: {self.rows}",
            "next       write keep, relabel or remove into its column decision, then run with",
            f"           --set data.decisions={self.decisions}",
        ]


def review_run(source: Source, arn: str, decisions: Path, out: Path) -> Reviewed:
    """Review a run by its ARN; the page goes into a folder below `out`.

    Raises Absent without a review, UsageError for a file of decisions that cannot be used.
    """
    from pipeline.review.page import write_page  # what draws pages is heavy

    facts = read_facts(source, arn, (PREPARE, EXTRACT_FEATURES))
    review = read_review(source, facts)
    reviewing = Reviewing(source, facts, review, decisions)
    reviewing.file()  # one that cannot be used is told before anything is written
    page = write_page(source, facts, review, decisions, out / facts.id)
    file = reviewing.write()
    return Reviewed(facts.id, review, page, decisions, counted(file.rows))
