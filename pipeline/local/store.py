"""Keep local state: SageMaker's resources as documents in SQLite, and s3:// as folders.

A document has the shape of the answer of the matching Describe operation, so the local service
can hand it out as it is.
"""

import re
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.addresses import AddressError, path_of_file, possible_path, split_uri
from pipeline.command_line.running import with_state
from pipeline.local import journal
from pipeline.local.database import FILE, StoreError, connect, explained, is_blank, lost, migrate
from pipeline.local.documents import Document, OddDocument, Row, decode, encode

__all__ = ["Document", "OddDocumentError", "Store", "StoreError"]

# Wider than S3's own rule, but never "." or "..".
_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:-]*")
_COLUMNS = "kind, name, arn, body, sequence"


class OddDocumentError(StoreError):
    """A document in the local state is none of its kind; the others can be read."""


class Store:
    """Documents by kind and name, and the folders behind s3:// and file:// addresses.

    Safe to use from several threads and several processes: every call is one transaction, and
    `transaction()` makes several calls one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._local = threading.local()
        self._named: set[tuple[str, str]] = set()
        doing = f"cannot use {self.root} for local state"
        try:
            if self.root.exists() and not self.root.is_dir():
                raise StoreError(f"{doing}: it is no folder")
            self.root.mkdir(parents=True, exist_ok=True)
            blank = _is_new(self.root) or is_blank(self._connection())
            if blank and journal.is_kept(self.root):
                raise lost(self.root)
            if migrate(self._connection()):
                self._keep(self._lasting())
        except (OSError, sqlite3.Error) as error:
            raise explained(doing, self.root, error) from error

    def put(self, kind: str, name: str, body: Document, arn: str | None = None) -> None:
        """Insert or replace one document; a replaced one keeps its place in `list`."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, "
                "(SELECT COALESCE(MAX(sequence), 0) + 1 FROM documents)) "
                "ON CONFLICT (kind, name) DO UPDATE SET arn = excluded.arn, body = excluded.body",
                (kind, name, arn, encode(body)),
            )
            self._changed(kind, name)

    def get(self, kind: str, name: str) -> Document | None:
        """Return the document of that kind and name, or None. Raises OddDocumentError."""
        return self._one(self._read("kind = ? AND name = ?", (kind, name)))

    def get_by_arn(self, kind: str, arn: str) -> Document | None:
        """Return the document of that kind with that ARN, or None. Raises OddDocumentError."""
        return self._one(self._read("kind = ? AND arn = ?", (kind, arn)))

    def list(self, kind: str) -> list[Document]:
        """Return every document of a kind, oldest first; an odd one is left out, and named."""
        return [*self._decoded(self._read("kind = ? ORDER BY sequence", (kind,)))]

    def newest(self, kind: str, limit: int, skip: int = 0) -> Sequence[Document]:
        """Return a page of a kind's documents, newest first; an odd one is left out, and named."""
        # The numbers are sorted alone: bodies are large.
        page = "SELECT rowid FROM documents WHERE kind = ? ORDER BY sequence DESC LIMIT ? OFFSET ?"
        where = f"rowid IN ({page}) ORDER BY sequence DESC"
        return self._decoded(self._read(where, (kind, limit, skip)))

    def named(self, kind: str, prefix: str) -> Sequence[Document]:
        """Return the documents of a kind whose names begin so, oldest first; odd ones left out."""
        return self._decoded(self.rows(kind, prefix))

    def count(self, kind: str) -> int:
        """Return how many documents of a kind there are."""
        found = self._query("SELECT COUNT(*) FROM documents WHERE kind = ?", (kind,))
        return int(found[0][0])

    def rows(self, kind: str, prefix: str) -> Sequence[Row]:
        """Return the documents of a kind whose names begin so, as they are stored."""
        return self._read(
            "kind = ? AND name >= ? AND name < ? ORDER BY sequence",
            (kind, prefix, f"{prefix}\U0010ffff"),
        )

    def leave_out(self, kind: str, name: str, why: str) -> None:
        """Say, once, that a document cannot be used and is left out."""
        if (kind, name) not in self._named:
            self._named.add((kind, name))
            print(f"warning: {_odd(self.root, kind, name, why)}", file=sys.stderr, flush=True)

    def delete(self, kind: str, name: str) -> bool:
        """Remove one document; False when there was none."""
        with self.transaction() as connection:
            done = connection.execute(
                "DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)
            )
            self._changed(kind, name)
            return done.rowcount > 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; nested uses join the outer one. Raises StoreError."""
        try:
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._local.changed = set()
                yield connection
                connection.execute("COMMIT")
                changed, self._local.changed = self._local.changed, set()
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._keep(changed)
        except sqlite3.Error as error:
            raise explained(f"cannot write {self.root / FILE}", self.root, error) from error

    def path(self, uri: str) -> Path:
        """Return the folder or file behind an s3:// or file:// address. Raises AddressError."""
        if uri.startswith("file://"):
            return path_of_file(uri)
        if not uri.startswith("s3://"):
            raise AddressError(f"{uri!r} is not an address: write s3://bucket/key or file:///path")
        bucket, key = split_uri(uri)
        if _BUCKET.fullmatch(bucket) is None:
            raise AddressError(f"{uri!r}: no bucket is called {bucket!r}: use a-z, 0-9, - and .")
        if ".." in key.split("/"):
            raise AddressError(f"{uri!r} points outside its bucket: remove '..' from it")
        # Links are followed: they are the owner's, to other disks. One that a job left opens
        # nothing that the job, which runs as the same user, could not open itself.
        return possible_path(uri, f"{self.root}/s3/{bucket}/{key}")

    def close(self) -> None:
        """Close this thread's connection."""
        if connection := getattr(self._local, "connection", None):
            connection.close()
            del self._local.connection

    def _one(self, rows: Sequence[Row]) -> Document | None:
        if not rows:
            return None
        row = rows[0]
        try:
            return decode(row.kind, row.body)
        except OddDocument as error:
            problem = _odd(self.root, row.kind, row.name, str(error))
            raise OddDocumentError(problem) from error

    def _decoded(self, rows: Sequence[Row]) -> Sequence[Document]:
        found = []
        for row in rows:
            try:
                found.append(decode(row.kind, row.body))
            except OddDocument as error:
                self.leave_out(row.kind, row.name, str(error))
        return found

    def _read(self, where: str, values: Sequence[object]) -> Sequence[Row]:
        query = f"SELECT {_COLUMNS} FROM documents WHERE {where}"  # noqa: S608 - our own text
        return [Row(*row) for row in self._query(query, values)]

    def _query(self, query: str, values: Sequence[object]) -> Sequence[tuple[Any, ...]]:
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise explained(f"cannot read {self.root / FILE}", self.root, error) from error

    def _changed(self, kind: str, name: str) -> None:
        if kind in journal.LASTING:
            self._local.changed.add((kind, name))

    def _lasting(self) -> set[tuple[str, str]]:
        found = (self._read("kind = ?", (kind,)) for kind in journal.LASTING)
        return {(row.kind, row.name) for rows in found for row in rows}

    def _keep(self, changed: set[tuple[str, str]]) -> None:
        """Bring what is kept beside the file to what was committed to it."""
        if not changed:
            return
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")  # in the order of the commits of all processes
            for kind, name in sorted(changed):
                rows = self._read("kind = ? AND name = ?", (kind, name))
                journal.keep(self.root, kind, name, rows[0] if rows else None)
        except (OSError, sqlite3.Error, StoreError) as error:
            # What was asked for is done.
            print(f"warning: no copy beside {FILE} was kept: {error}", file=sys.stderr, flush=True)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = connect(self.root)
        connection = self._local.connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101
        return connection


def _is_new(root: Path) -> bool:
    file = root / FILE
    return not file.exists() or not file.stat().st_size


def _odd(root: Path, kind: str, name: str, why: str) -> str:
    return (
        f"{kind} {name} in {root / FILE} cannot be used: {why} "
        f"({with_state('python -m pipeline.local check', root)})"
    )
