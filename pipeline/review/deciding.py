"""Decide about pictures of a run: the file of decisions is brought up to date, or left as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.report.sources.facts import PREPARE, Facts
from pipeline.report.sources.review import Review
from pipeline.report.sources.source import Absent, Source
from pipeline.review.decisions_file import (
    DecisionsFile,
    Row,
    changing,
    file_of,
    merged,
    read_file,
    write_file,
)
from training_code.decisions import ACTIONS

_INPUT = "decisions"


@dataclass(frozen=True)
class Reviewing:
    """A run's review, with the file in which people decide about its pictures."""

    source: Source
    facts: Facts
    review: Review
    path: Path

    def file(self) -> DecisionsFile:
        """Read the file, with what the review found. Raises UsageError, Absent.

        One that is not there yet begins with the decisions that the run was made with: another run
        with a file that lacks them would undo them.
        """
        begun = read_file(self.path) if self.path.exists() else self._applied()
        return merged(begun, self.review)

    def write(self) -> DecisionsFile:
        """Bring the file up to date. Raises UsageError, Absent."""
        with changing(self.path):
            file = self.file()
            write_file(self.path, file)
        return file

    def decide(self, wishes: "Sequence[Wish]") -> int:
        """Keep what somebody decided, all of it or nothing, and return how many are new.

        Raises UsageError with a line for each picture that is in the way, Absent.
        """
        with changing(self.path):
            file = self.file()
            rows = {row.content: row for row in file.rows}
            _check(wishes, rows, self.review)
            new = [wish for wish in wishes if wish.is_new]
            for wish in new:
                new_class = wish.new_class if wish.decision == "relabel" else ""
                file = file.deciding(wish.content, wish.decision, new_class)
            if new:
                write_file(self.path, file)
        return len(new)

    def _applied(self) -> DecisionsFile:
        """Return the decisions that the run was made with. Raises Absent when they are gone."""
        for one in self.facts.job(PREPARE).get("ProcessingInputs") or []:
            if one["InputName"] == _INPUT:
                uri = str(one["S3Input"]["S3Uri"])
                try:
                    return file_of(self.source.read(uri), uri)
                except Absent as error:
                    undone = f"a new {self.path} would undo what the run was made with"
                    raise Absent(f"{error}, and {undone}: bring that file there") from error
        return DecisionsFile()


@dataclass(frozen=True)
class Wish:
    """What somebody decides about a picture.

    `seen` is what was decided when they looked, and `proposed` the class that they were shown.
    """

    content: str
    decision: str
    new_class: str = ""
    seen: str = ""
    proposed: str = ""

    @property
    def words(self) -> str:
        """The decision in words; empty to take one back."""
        return Row(self.content, self.decision, self.new_class).words

    @property
    def is_new(self) -> bool:
        """Whether it is another decision than the one that was seen."""
        return self.words != self.seen


def _check(wishes: Sequence[Wish], rows: Mapping[str, Row], review: Review) -> None:
    """Raise UsageError for wishes that cannot be kept as they are."""
    problems = [text for wish in wishes if (text := _problem(wish, rows, review))]
    if problems:
        raise UsageError("\n".join(problems))
    others = [
        f"{row.file}: {row.words or 'not decided'}"
        for wish in wishes
        if wish.is_new and (row := rows[wish.content]).words not in (wish.seen, wish.words)
    ]
    if others:
        meanwhile = "somebody else decided meanwhile, so nothing was saved; there is now:"
        raise UsageError("\n".join([meanwhile, *others]))


def _problem(wish: Wish, rows: Mapping[str, Row], review: Review) -> str:
    row = rows.get(wish.content)
    name = row.file if row else wish.content[:16]
    if wish.decision != "relabel" and wish.new_class not in ("", wish.proposed):
        return f"{name}: the class {wish.new_class!r} was given without relabel"
    if not wish.is_new:
        return ""
    if row is None:
        return f"{name}: it is not in the review any more: load the page again"
    if wish.decision not in ("", *ACTIONS):
        return f"{name}: {wish.decision!r} is no decision"
    return _problem_of_class(wish, row, review) if wish.decision == "relabel" else ""


def _problem_of_class(wish: Wish, row: Row, review: Review) -> str:
    if not wish.new_class:
        return f"{row.file}: which class is it? Relabel needs one"
    if wish.new_class not in review.classes:
        return f"{row.file}: there is no class {wish.new_class!r}"
    if wish.new_class == row.label:
        return f"{row.file}: it is called {row.label} already: keep says that this is right"
    return ""
