"""Open the file of the local state: writable or only to read, in the schema of today."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.command_line.running import with_state
from pipeline.errors import PipelineError

FILE = "state.db"
WAIT_S = 30.0
# Statements that bring a file of one version to the next; a new file begins at 0.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE IF NOT EXISTS documents (kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT, "
        "body TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (kind, name))",
        "CREATE INDEX IF NOT EXISTS documents_by_arn ON documents (arn)",
        # Entries of before do not know what their outputs were.
        "DELETE FROM documents WHERE kind = 'StepCache'",
    ),
)
VERSION = len(_MIGRATIONS)
# One damaged text must not keep the others from being read.
damaged_text = partial(str, encoding="utf-8", errors="surrogateescape")


class StoreError(PipelineError):
    """The local state cannot be read or written."""


def connect(root: Path, wait_s: float | None = None) -> sqlite3.Connection:
    """Open the state file in a folder, to read only where it cannot be written.

    Another process is waited for `wait_s`, or WAIT_S. Raises sqlite3.Error, OSError.
    """
    wait_s = WAIT_S if wait_s is None else wait_s
    file = root / FILE
    writable = os.access(root, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))
    if not writable:
        return connect_to_read(root, wait_s)
    connection = sqlite3.connect(file, timeout=wait_s, isolation_level=None)
    connection.text_factory = damaged_text
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection) -> bool:
    """Bring the file to today's schema; False when it is there already.

    Raises StoreError for a file that a later version wrote, and sqlite3.Error.
    """
    if version_of(connection) == VERSION or _is_read_only(connection):
        return False
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = version_of(connection)  # another process may have been faster
        for statement in (one for step in _MIGRATIONS[before:] for one in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return before < VERSION


def is_blank(connection: sqlite3.Connection) -> bool:
    """Check whether nothing was ever written to a file. Raises sqlite3.Error."""
    return not connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]


def explained(doing: str, root: Path, error: Exception) -> StoreError:
    """Word an error of the state file with what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    way_out = {
        sqlite3.SQLITE_NOTADB: _repair(root),
        sqlite3.SQLITE_CORRUPT: _repair(root),
        sqlite3.SQLITE_ERROR: _repair(root),  # its tables are not ours
        sqlite3.SQLITE_BUSY: f"another process has held it for {WAIT_S:.0f} s: end the run, the "
        "service or the tool that has it open",
        sqlite3.SQLITE_FULL: "free some space and run again: what was there is kept",
        sqlite3.SQLITE_READONLY: "it can only be read here: give another --state to write to",
    }.get(code)
    return StoreError(f"{doing}: {error}" + (f" ({way_out})" if way_out else ""))


def lost(root: Path) -> StoreError:
    """Make the error of a folder whose state file is gone, though it has runs or versions."""
    return StoreError(
        f"cannot use {root} for local state: {FILE} is empty or gone, but there are runs "
        f"({_repair(root)}; to begin anew, remove the folder)"
    )


def _repair(root: Path) -> str:
    return f"what can be saved of it is: {with_state('python -m pipeline.local repair', root)}"


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a file's schema. Raises StoreError for one later than this code's."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StoreError(
            f"the local state is of a later version (schema {version}, this one knows {VERSION}): "
            "use that version, or another --state"
        )
    return version


def _is_read_only(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA query_only").fetchone()[0])


def connect_to_read(root: Path, wait_s: float) -> sqlite3.Connection:
    """Open the state file in a folder so that nothing is changed. Raises sqlite3.Error, OSError."""
    file = root / FILE
    log = file.with_name(f"{FILE}-wal")
    try:
        return _opened(f"{file.as_uri()}?mode=ro", wait_s)
    except sqlite3.OperationalError:  # it was left with a log that cannot be shared here
        if not log.exists() or not log.stat().st_size:
            return _opened(f"{file.as_uri()}?immutable=1", wait_s)
        return _copied((file, log))


def _opened(uri: str, wait_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)
    connection.text_factory = damaged_text
    try:
        connection.execute("PRAGMA schema_version").fetchone()
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _copied(files: Sequence[Path]) -> sqlite3.Connection:
    """Read a file and its log into memory, by way of a folder where the log can be applied."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    memory.text_factory = damaged_text
    with tempfile.TemporaryDirectory(prefix="state-") as folder:
        for file in files:
            shutil.copyfile(file, Path(folder) / file.name)
        copy = sqlite3.connect(Path(folder) / FILE)
        try:
            copy.backup(memory)
        finally:
            copy.close()
    memory.execute("PRAGMA query_only = ON")
    return memory
