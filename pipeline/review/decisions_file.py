"""Keep the file of decisions that people edit: one row a picture, the most doubtful first.

It is what `data.decisions` names. A new review loses no decision: decided rows stay, also of
pictures that are not in the newest run any more because they were removed.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.durable import write_durably
from pipeline.errors import UsageError
from pipeline.report.sources.review import Picture, Review
from training_code.decisions import Table, UnusableDecisions, as_cell, decisions_of, read_table

COLUMNS = ("decision", "new_class", "label", "file", "why", "split", "content")


@dataclass(frozen=True)
class Row:
    """A picture, why a person should see it, and what was decided: nothing yet where it is empty.

    `new_class` is where it should go if `decision` is relabel: at first the class that is likelier.
    """

    content: str
    decision: str = ""
    new_class: str = ""
    label: str = ""
    file: str = ""
    why: str = ""
    split: str = ""

    @property
    def words(self) -> str:
        """The decision in words; empty without one."""
        return f"relabel {self.new_class}" if self.decision == "relabel" else self.decision


@dataclass(frozen=True)
class DecisionsFile:
    """The rows of such a file, and the character between its columns."""

    rows: tuple[Row, ...] = ()
    delimiter: str = ","

    def decided(self) -> int:
        """Return how many pictures something was decided about."""
        return sum(bool(row.decision) for row in self.rows)

    def deciding(self, content: str, decision: str, new_class: str = "") -> "DecisionsFile":
        """Return the file with a decision about a picture; an empty one takes it back."""
        rows = list(self.rows)
        for number, row in enumerate(rows):
            if row.content == content:
                rows[number] = replace(row, decision=decision, new_class=new_class or row.new_class)
                return replace(self, rows=tuple(rows))
        return replace(self, rows=(*rows, Row(content, decision, new_class)))


def read_file(path: Path) -> DecisionsFile:
    """Read a file of decisions; one that is not there yet has no rows.

    Raises UsageError for one that cannot be used as it is.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return DecisionsFile()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return file_of(data, str(path))


def file_of(data: bytes, name: str) -> DecisionsFile:
    """Read the content of a file called `name`. Raises UsageError where it cannot be used."""
    try:
        table = read_table(data, name)
        decisions_of(table, name)
    except UnusableDecisions as error:
        raise UsageError(str(error)) from None
    return DecisionsFile(tuple(_rows(table)), table.delimiter)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep others from changing a file between its reading and its writing. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_file(path: Path, file: DecisionsFile) -> None:
    """Write a file of decisions, whole or not at all. Raises UsageError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=file.delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([as_cell(getattr(row, column)) for column in COLUMNS] for row in file.rows)
    try:
        # with the mark that spreadsheets know UTF-8 by
        write_durably(path, text.getvalue().encode("utf-8-sig", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def merged(file: DecisionsFile, review: Review) -> DecisionsFile:
    """Return the file with what a review found; what is not decided and not found now is gone."""
    known = {row.content: row for row in file.rows if row.decision}
    found = {row.content: row for row in rows_of(review)}
    new = tuple(
        replace(row, decision=known[row.content].decision, new_class=known[row.content].new_class)
        if row.content in known
        else row
        for row in found.values()
    )
    old = tuple(row for content, row in known.items() if content not in found)
    return replace(file, rows=new + old)


def rows_of(review: Review) -> tuple[Row, ...]:
    """Return a row for each picture of a review, undecided, with all the reasons to see it."""
    rows: dict[str, Row] = {}
    for picture, why, likely in _reasons(review):
        before = rows.get(picture.content)
        if before is None:
            told = (picture.label, picture.file, why, picture.split)
            rows[picture.content] = Row(picture.content, "", likely, *told)
        else:
            both = f"{before.why}; {why}"
            rows[picture.content] = replace(before, why=both, new_class=before.new_class or likely)
    return tuple(rows.values())


def _reasons(review: Review) -> Iterator[tuple[Picture, str, str]]:
    for one in review.suspects:
        yield one.picture, one.words, one.likely
    for copy in review.copies:
        what = f"nearly the same as {copy.like.file} ({copy.like.split}, {copy.like.label})"
        yield copy.picture, what, ""
    for strange in review.unlike:
        yield strange.picture, "unlike all others", ""
    for one in review.doubtful:
        yield one.picture, one.words, one.likely


def _rows(table: Table) -> Iterator[Row]:
    for _, row in table.rows:
        given = {column: row.get(column, "") for column in COLUMNS}
        lower = {column: given[column].lower() for column in ("content", "decision")}
        yield Row(**given | lower)


def counted(rows: Sequence[Row]) -> str:
    """Say how many rows there are and how many are decided."""
    decided = sum(bool(row.decision) for row in rows)
    return f"{len(rows):,} pictures, {decided:,} decided"
