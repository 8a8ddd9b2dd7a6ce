"""Put together what a run's review found, what was decided about it, and what comes next."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.console.context import Console
from pipeline.console.prepared import Picture, Prepared
from pipeline.console.run_view import command_of, find_execution
from pipeline.console.starting import arguments_again, started_of
from pipeline.errors import UsageError
from pipeline.report.sources import review as found
from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, Facts, read_facts
from pipeline.report.sources.source import Absent
from pipeline.review.deciding import Reviewing
from pipeline.review.decisions_file import Row
from pipeline.settings.loading import load_settings, parse_override

LABELS, COPIES, UNLIKE, DECIDED = "labels", "copies", "unlike", "decided"
KINDS = {
    LABELS: "Labels that may be wrong",
    COPIES: "Nearly the same as another",
    UNLIKE: "Unlike all others",
    DECIDED: "Decided",
}
_FOLDER = "decisions"
_OPTION = "--set=data.decisions="
_PLAIN = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Doubt:
    """A picture to decide about: its row, the class it is to get if it is relabelled, its place.

    `like` is the picture that it is nearly the same as. What the data set lacks by now is None.
    """

    row: Row
    suggested: str
    picture: Picture | None
    like: found.Picture | None = None
    like_picture: Picture | None = None


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
            like,
            prepared.find(like.file) if prepared and like else None,
        )


def open_reviewing(console: Console, run: str) -> Reviewing:
    """Open the review of a run and the file of its decisions. Raises Absent, UsageError."""
    source, arn = console.here.source, find_execution(console.store, run)["PipelineExecutionArn"]
    facts = read_facts(source, str(arn), (PREPARE, EXTRACT_FEATURES))
    review = found.read_review(source, facts)
    given = file_of_command(command_for(console, run))
    path = given or named_file(console) or _own_file(console.state, facts)
    return Reviewing(source, facts, review, path)


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


def named_file(console: Console) -> Path | None:
    """Return the file that the settings of local runs name; None without, or where it is on S3."""
    from pipeline.console.fields import ENVIRONMENT

    try:
        named = load_settings(console.settings, ENVIRONMENT, []).data.decisions
    except UsageError:  # the page that starts runs says what is wrong with them
        return None
    return None if named is None or named.startswith("s3://") else Path(named)


def command_for(console: Console, run: str) -> str:
    """Return the command that started a run; empty where nobody wrote it down."""
    started = started_of(console.state, run)
    return command_of(console.store, run) or (started.command if started else "")


def file_of_command(command: str) -> Path | None:
    """Return the file of decisions that a run was told of, if it is still there."""
    given = [word for word in _words(command) or () if word.startswith(_OPTION)]
    value = parse_override(given[-1].removeprefix("--set="))[1] if given else None
    if not isinstance(value, str) or value.startswith("s3://"):
        return None
    path = Path(value).absolute()
    return path if path.is_file() else None


def arguments_with(command: str, decisions: Path, state: Path) -> list[str] | None:
    """Return a run's arguments with a file of decisions, for a state folder.

    None where its command is not known.
    """
    if (words := _words(command)) is None:
        return None
    here = f"--state={state}"  # the last one counts
    others = [word for word in words if word != here and not word.startswith(_OPTION)]
    return [*others, option_of(decisions), here]


def _words(command: str) -> list[str] | None:
    """Return a command's arguments, each --set in one word; None for no command of a run here."""
    try:
        words = arguments_again(command)
    except UsageError:
        return None
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--set":
            joined[-1] = f"--set={word}"
        else:
            joined.append(word)
    return joined


def option_of(decisions: Path) -> str:
    """Return the option that tells a run of a file of decisions."""
    return f"{_OPTION}{_value(decisions)}"


def _value(path: Path) -> str:
    """Return a path as --set takes it: what YAML would read otherwise is quoted."""
    text = str(path)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _own_file(state: Path, facts: Facts) -> Path:
    """Return the file of a project's decisions about a data set: others' would not fit it."""
    data = str(facts.parameters.get("DataUri", ""))
    digest = hashlib.sha256(data.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return state / _FOLDER / f"{facts.pipeline}-{digest}.csv"


def _of_kind(desk: Desk, kind: str) -> Iterator[tuple[str, str, found.Picture | None]]:
    review = desk.reviewing.review
    if kind == LABELS:
        for suspect in review.suspects:
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
