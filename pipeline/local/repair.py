"""Check the local state, and save what can be saved of a damaged one into a new file."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.durable import durably
from pipeline.local import journal
from pipeline.local.database import (
    FILE,
    StoreError,
    connect_to_read,
    damaged_text,
    migrate,
    version_of,
)
from pipeline.local.documents import Document, OddDocument, Row, decode, encode
from pipeline.local.engine.recovery import is_alive

_BESIDE = (FILE, f"{FILE}-wal", f"{FILE}-shm")
_WAIT_S = 5.0
_COLUMNS = "kind, name, arn, body, sequence"
Rows = dict[tuple[str, str], Row]


@dataclass(frozen=True)
class Checked:
    """What is in the local state, by kind, and what is wrong with it."""

    counts: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Repaired:
    """What a repair saved, by kind, and left out; `aside` is where the damaged file is now."""

    counts: Mapping[str, int]
    from_copies: int
    left_out: tuple[str, ...]
    aside: Path | None


def check_state(root: Path) -> Checked:
    """Read all of the local state and say what is wrong; change nothing."""
    file = root / FILE
    if not file.is_file() or not file.stat().st_size:
        return Checked({}, (f"{file} is empty or gone",))
    try:
        with closing(connect_to_read(root, _WAIT_S)) as connection:
            version_of(connection)
            wrong = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
            found = [Row(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM documents")]  # noqa: S608
    except (sqlite3.Error, OSError, StoreError) as error:
        return Checked({}, (f"{file}: {error}",))
    odd = [f"{row.kind} {row.name}: {why}" for row in found if (why := _oddness(row))]
    rows, _ = _sound(found)
    better = [
        f"{kind} {name}: its copy beside is newer or all there is"
        for kind, name in _from_copies(root, rows)
    ]
    problems = [line for line in wrong if line != "ok"] + odd + better
    return Checked(dict(Counter(row.kind for row in found)), tuple(problems))


def repair_state(root: Path) -> Repaired:
    """Write what can be read, and the copies of what cannot, into a new file; keep the old aside.

    Raises StoreError while something works on the state, OSError.
    """
    if busy := [folder.name for folder in sorted(root.glob("runs/*")) if is_alive(folder)]:
        raise StoreError(f"run {busy[0]} is at work in {root}: let it end, or stop it, first")
    rows, left_out = _sound(_salvaged(root))
    taken = _from_copies(root, rows)
    rows |= taken
    _raise_counters(rows)
    _add_pipelines(rows)
    aside = _replace(root, sorted(rows.values(), key=lambda row: row.sequence))
    lost = tuple(f"{kind} {name}" for kind, name in _names(left_out) if (kind, name) not in rows)
    return Repaired(dict(Counter(kind for kind, _ in rows)), len(taken), lost, aside)


def _from_copies(root: Path, rows: Rows) -> Rows:
    """Return the copies of what is not there, or was a copy of later: what is deleted has none."""
    copies, _ = _sound(journal.kept_rows(root))
    return {
        key: copy
        for key, copy in copies.items()
        if key not in rows or _changed(rows[key]) < _changed(copy)
    }


def _changed(row: Row) -> datetime:
    """Return when a version was changed last: a copy of it is written after each change."""
    if row.kind != "ModelPackage":
        return datetime.min.replace(tzinfo=UTC)
    changed = decode(row.kind, row.body).get("LastModifiedTime")
    return changed if isinstance(changed, datetime) else datetime.min.replace(tzinfo=UTC)


def _salvaged(root: Path) -> list[Row]:
    """Return the rows that can be read. Raises StoreError for a file of a later version."""
    file = root / FILE
    if not file.is_file() or not file.stat().st_size:
        return []
    found: dict[int, Row] = {}
    # To read only: closing it must not write its log into a file that is kept as it is.
    place = f"{file.as_uri()}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=_WAIT_S)) as connection:
        connection.text_factory = damaged_text
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA writable_schema = ON")  # opens one that was cut, too
            version_of(connection)
        if not _read(connection, "ASC", found):
            _read(connection, "DESC", found)
    return [found[number] for number in sorted(found)]


def _read(connection: sqlite3.Connection, order: str, found: dict[int, Row]) -> bool:
    """Read rows from one end as far as that goes; False when it did not go to the other."""
    query = f"SELECT rowid, {_COLUMNS} FROM documents NOT INDEXED ORDER BY rowid {order}"  # noqa: S608
    try:
        for number, *values in connection.execute(query):
            found[number] = Row(*values)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreError("another process holds the state: end it first") from error
        return False
    except sqlite3.Error:
        return False
    return True


def _sound(rows: Iterable[Row]) -> tuple[Rows, list[Row]]:
    """Split rows into those that are documents, the later of one name, and the others."""
    sound: Rows = {}
    odd = []
    for row in rows:
        if _oddness(row):
            odd.append(row)
        else:
            sound[row.kind, row.name] = row
    return sound, odd


def _oddness(row: Row) -> str:
    if not all(isinstance(value, str) and value.isprintable() for value in (row.kind, row.name)):
        return "its name is damaged"
    if row.arn is not None and not (isinstance(row.arn, str) and row.arn.isprintable()):
        return "its ARN is damaged"
    if not isinstance(row.sequence, int):
        return "its number is damaged"
    try:
        decode(row.kind, row.body)
    except OddDocument as error:
        return str(error)
    return ""


def _names(rows: list[Row]) -> list[tuple[str, str]]:
    return [(str(row.kind), str(row.name)) for row in rows]


def _raise_counters(rows: Rows) -> None:
    """Let no version number be given twice."""
    highest: dict[str, int] = {}
    for (kind, name), row in rows.items():
        group, _, number = name.rpartition("/")
        if kind == "ModelPackage" and group and number.isascii() and number.isdecimal():
            highest[group] = max(highest.get(group, 0), int(number))
        elif kind == "PackageCounter":
            highest[name] = max(highest.get(name, 0), decode(kind, row.body).get("Last", 0))
    for group, last in highest.items():
        rows["PackageCounter", group] = Row(
            "PackageCounter", group, None, encode({"Last": last}), 0
        )


def _add_pipelines(rows: Rows) -> None:
    """Make the document of a pipeline whose own is lost from the newest run of it."""
    runs = [row for row in rows.values() if row.kind == "PipelineExecution"]
    for row in sorted(runs, key=lambda row: row.sequence, reverse=True):
        run = decode(row.kind, row.body)
        arn = str(run.get("PipelineArn", ""))
        name = arn.rpartition("/")[2]
        if name and ("Pipeline", name) not in rows:
            rows["Pipeline", name] = replace(
                row, kind="Pipeline", name=name, arn=arn, body=encode(_pipeline(run, name, arn))
            )


def _pipeline(run: Document, name: str, arn: str) -> Document:
    account = arn.split(":")[4] if arn.count(":") > 4 else ""
    made = run.get("CreationTime") or datetime.now(UTC)
    return {
        "PipelineArn": arn,
        "PipelineName": name,
        "PipelineDisplayName": name,
        "PipelineDefinition": run.get("PipelineDefinition", "{}"),
        "PipelineStatus": "Active",
        "RoleArn": f"arn:aws:iam::{account}:role/local",
        "CreationTime": made,
        "LastModifiedTime": made,
        "LastRunTime": made,
    }


def _replace(root: Path, rows: list[Row]) -> Path | None:
    """Put a new file with these rows in the old one's place; return where the old one is."""
    aside = root / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    with durably(root / FILE) as part:
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            migrate(connection)
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
                [(r.kind, r.name, r.arn, r.body, n) for n, r in enumerate(rows, 1)],
            )
            connection.execute("COMMIT")
        there = [root / name for name in _BESIDE if (root / name).exists()]
        if there:
            aside.mkdir()
        for file in there:
            file.rename(aside / file.name)
    return aside if there else None
