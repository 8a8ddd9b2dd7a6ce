"""Put together what a run's review found, and what was decided about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.console.context import Console
from pipeline.console.prepared import Picture, Prepared
from pipeline.console.run_decisions import decisions_of
from pipeline.console.run_view import find_execution
from pipeline.errors import UsageError
from pipeline.report.sources import review as found
from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, read_facts
from pipeline.report.sources.source import Absent
from pipeline.review.deciding import Reviewing
from pipeline.review.decisions_file import Row

LABELS, DOUBTFUL, COPIES, UNLIKE, DECIDED = "labels", "doubtful", "copies", "unlike", "decided"
KINDS = {
    LABELS: "Labels that are probably wrong",
    DOUBTFUL: "Labels that are doubtful",
    COPIES: "Nearly the same as another",
    UNLIKE: "Unlike all others",
    DECIDED: "Decided",
}


@dataclass(frozen=True)
class Doubt:
    """A picture to decide about: its row, the class it is to get if it is relabelled, its place.

    `like` is the place of the picture that it is nearly the same as; each is None where the data
    set has it not.
    """

    row: Row
    suggested: str
    picture: Picture | None
    like: Picture | None


@dataclass(frozen=True)
class Count:
    """How many pictures there are to see of a kind, and about how many something was decided."""

    kind: str
    title: str
    pictures: int
    decided: int


@dataclass(frozen=True)
class Summary:
    """What the page of the data says of the review: counts, or why there are none."""

    counts: tuple[Count, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Desk:
    """A run's review at a moment: its pictures with what was decided about each."""

    reviewing: Reviewing
    rows: Mapping[str, Row]

    @property
    def decided(self) -> list[Row]:
        """The rows that something was decided about."""
        return [row for row in self.rows.values() if row.decision]

    def counts(self) -> list[Count]:
        """Count the pictures of every kind."""
        return [self._count(kind, list(self._listed(kind))) for kind in KINDS]

    def doubts(self, kind: str, prepared: Prepared | None, first: int, most: int) -> list[Doubt]:
        """Return some pictures of a kind, the most doubtful first."""
        some = list(self._listed(kind).items())[first : first + most]
        return [self._doubt(content, *about, prepared) for content, about in some]

    def first_undecided(self, kind: str) -> int:
        """Return the place of the first picture of a kind that nothing was decided about."""
        listed = enumerate(self._listed(kind))
        return next((place for place, one in listed if not self.rows[one].decision), 0)

    def _count(self, kind: str, contents: list[str]) -> Count:
        decided = sum(bool(self.rows[one].decision) for one in contents)
        return Count(kind, KINDS[kind], len(contents), decided)

    def _listed(self, kind: str) -> dict[str, tuple[str, found.Picture | None]]:
        """Return, by content, the likelier class and the like picture: each picture once."""
        listed: dict[str, tuple[str, found.Picture | None]] = {}
        for content, likely, like in _of_kind(self, kind):
            listed.setdefault(content, (likely, like))
        return listed

    def _doubt(
        self, content: str, likely: str, like: found.Picture | None, prepared: Prepared | None
    ) -> Doubt:
        row = self.rows[content]
        return Doubt(
            row,
            row.new_class or likely,
            prepared.find(row.file) if prepared else None,
            prepared.find(like.file) if prepared and like else None,
        )


def open_reviewing(console: Console, run: str) -> Reviewing:
    """Open the review of a run and the file of its decisions. Raises Absent, UsageError."""
    source, arn = console.here.source, find_execution(console.store, run)["PipelineExecutionArn"]
    facts = read_facts(source, str(arn), (PREPARE, EXTRACT_FEATURES))
    review = found.read_review(source, facts)
    return Reviewing(source, facts, review, decisions_of(console, facts))


def summary_of(console: Console, run: str) -> Summary | None:
    """Count what a run's review found; None on AWS, where nobody decides in the console."""
    if not console.place.is_here:
        return None
    try:
        return Summary(tuple(desk_of(open_reviewing(console, run)).counts()))
    except (Absent, UsageError) as error:
        return Summary(why=str(error))


def desk_of(reviewing: Reviewing) -> Desk:
    """Read the decisions as they are now. Raises Absent, UsageError."""
    return Desk(reviewing, {row.content: row for row in reviewing.file().rows})


def _of_kind(desk: Desk, kind: str) -> Iterator[tuple[str, str, found.Picture | None]]:
    review = desk.reviewing.review
    if kind in (LABELS, DOUBTFUL):
        for suspect in review.suspects if kind == LABELS else review.doubtful:
            yield suspect.picture.content, suspect.likely, None
    elif kind == COPIES:
        for copy in review.copies:
            other = copy.like.label if copy.like.label != copy.picture.label else ""
            yield copy.picture.content, other, copy.like
    elif kind == UNLIKE:
        for strange in review.unlike:
            yield strange.picture.content, "", None
    else:
        for row in desk.decided:
            yield row.content, "", None
