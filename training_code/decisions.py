"""Read what people decided about single pictures: a CSV file, as spreadsheets save it.

A row names a picture by the sha256 of its file (`content`) and says in `decision` what becomes of
it: keep, remove, or relabel with its `new_class`. A row without a decision is none yet, and other
columns are for people. Standard library only: the commands read such a file as the job does.

A name that a spreadsheet program would take for a formula (`=1+1.jpg`) has an apostrophe before it
in every CSV file that is written here.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Action = Literal["keep", "relabel", "remove"]
ACTIONS: tuple[Action, ...] = ("keep", "relabel", "remove")
_NEEDED = ("decision", "new_class", "content")
_HASH = re.compile(r"[0-9a-f]{64}")
_DELIMITERS = ",;\t"
_SHOWN = 12  # classes or columns that a message lists
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # and their wide forms
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|inf|nan)", re.ASCII)


class UnusableDecisions(ValueError):
    """A file of decisions cannot be used as it is; the message says where and what to mend."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the pictures with this content; `line` is where the file says so.

    `new_class` is given for relabel only; `file` is a name for people.
    """

    content: str
    action: Action
    new_class: str
    file: str
    line: int

    @property
    def words(self) -> str:
        """The decision as its row has it."""
        return f"{self.action} {self.new_class}".strip()


@dataclass(frozen=True)
class Table:
    """The rows of such a file by column, each with its line; `delimiter` is between columns."""

    rows: tuple[tuple[int, Mapping[str, str]], ...]
    delimiter: str


def as_cell(text: str) -> str:
    """Return a text as the cell that no spreadsheet program takes for a formula."""
    is_number = _NUMBER.fullmatch(text) is not None
    return f"'{text}" if _FORMULA.match(text.lstrip("'")) and not is_number else text


def from_cell(cell: str) -> str:
    """Return the text that `as_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell.lstrip("'")) else cell


def read_table(data: bytes, name: str) -> Table:
    """Read all rows of a file called `name`. Raises UnusableDecisions."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableDecisions(f"{name} is not UTF-8 text: save it as CSV UTF-8") from None
    head = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, Mapping[str, str]]] = []
    columns: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, name)
                continue
            if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                what = f"{len(cells)} cells under {len(columns)} columns"
                raise UnusableDecisions(f"{name}:{reader.line_num}: {what}")
            texts = [from_cell(cell.strip()) for cell in cells]
            padded = texts + [""] * (len(columns) - len(cells))
            rows.append((reader.line_num, dict(zip(columns, padded, strict=False))))
    except csv.Error as error:
        raise UnusableDecisions(f"{name}:{reader.line_num}: is no CSV: {error}") from None
    if not columns:
        raise UnusableDecisions(f"{name} is empty: its first line names the columns {_listed()}")
    return Table(tuple(rows), delimiter)


def decisions_of(table: Table, name: str) -> tuple[Decision, ...]:
    """Return the decisions that are made, one a content. Raises UnusableDecisions.

    Two rows may say the same of a picture, and not something else.
    """
    found: dict[str, Decision] = {}
    for one in _decided(table, name):
        other = found.setdefault(one.content, one)
        if other.words != one.words:
            raise UnusableDecisions(
                f"{name}:{one.line}: {one.file or one.content}: {one.words!r}, but line"
                f" {other.line} says {other.words!r} of the same picture: leave one of them"
            )
    return tuple(found.values())


def read_decisions(data: bytes, name: str) -> tuple[Decision, ...]:
    """Return the decisions of a file called `name`. Raises UnusableDecisions."""
    return decisions_of(read_table(data, name), name)


def check_classes(decisions: Sequence[Decision], classes: Sequence[str], name: str) -> None:
    """Raise UnusableDecisions for a picture that would get a class that there is not."""
    known = set(classes)
    for one in decisions:
        if one.action == "relabel" and one.new_class not in known:
            raise UnusableDecisions(
                f"{name}:{one.line}: there is no class {one.new_class!r};"
                f" {_nearest(one.new_class, classes)}"
            )


def _columns(cells: Sequence[str], name: str) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    missing = [needed for needed in _NEEDED if needed not in columns]
    if missing:
        there = ", ".join(columns[:_SHOWN])
        raise UnusableDecisions(
            f"{name}: no column {', '.join(missing)} in its first line ({there}): it needs"
            f" {_listed()}"
        )
    twice = next((column for column in columns if column and columns.count(column) > 1), None)
    if twice:
        raise UnusableDecisions(f"{name}: the column {twice} is there twice")
    return columns


def _decided(table: Table, name: str) -> Iterator[Decision]:
    for line, row in table.rows:
        word, new_class, content = (row[column] for column in _NEEDED)
        if not word:
            continue
        action = next((one for one in ACTIONS if one == word.lower()), None)
        if action is None:
            hint = _nearest(word.lower(), ACTIONS)
            raise UnusableDecisions(f"{name}:{line}: {word!r} is no decision; {hint}")
        if not _HASH.fullmatch(content.lower()):
            what = f"{content!r} is not the content of a picture (sha256, 64 hex digits)"
            raise UnusableDecisions(f"{name}:{line}: {what}: copy it from the review")
        if action == "relabel" and not new_class:
            raise UnusableDecisions(f"{name}:{line}: relabel needs a class in new_class")
        given = new_class if action == "relabel" else ""
        yield Decision(content.lower(), action, given, row.get("file", ""), line)


def _nearest(word: str, known: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in reversed(known)}
    near = get_close_matches(word.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    more = ", ..." if len(known) > _SHOWN else ""
    return f"there are: {', '.join(known[:_SHOWN])}{more}"


def _listed() -> str:
    return ", ".join(_NEEDED)
