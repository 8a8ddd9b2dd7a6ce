"""Keep local state: SageMaker's resources as documents in SQLite, and s3:// as folders.

A document has the shape of the answer of the matching Describe operation, so the local service
can hand it out as it is.
"""

import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.addresses import AddressError, path_of_file, possible_path, split_uri
from pipeline.errors import PipelineError

Document = dict[str, Any]

# Wider than S3's own rule, but never "." or "..".
_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:-]*")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT, body TEXT NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX IF NOT EXISTS documents_by_arn ON documents (arn);
"""


class StoreError(PipelineError):
    """The local state cannot be read or written."""


class Store:
    """Documents by kind and name, and the folders behind s3:// and file:// addresses.

    Safe to use from several threads and several processes: every call is one transaction, and
    `transaction()` makes several calls one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._local = threading.local()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._connection().executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot use {self.root} for local state: {error}") from error

    def put(self, kind: str, name: str, body: Document, arn: str | None = None) -> None:
        """Insert or replace one document; a replaced one keeps its place in `list`."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, "
                "(SELECT COALESCE(MAX(sequence), 0) + 1 FROM documents)) "
                "ON CONFLICT (kind, name) DO UPDATE SET arn = excluded.arn, body = excluded.body",
                (kind, name, arn, json.dumps(body, default=_encode)),
            )

    def get(self, kind: str, name: str) -> Document | None:
        """Return the document of that kind and name, or None."""
        bodies = self._read("SELECT body FROM documents WHERE kind = ? AND name = ?", (kind, name))
        return _decode(bodies[0]) if bodies else None

    def get_by_arn(self, kind: str, arn: str) -> Document | None:
        """Return the document of that kind with that ARN, or None."""
        bodies = self._read("SELECT body FROM documents WHERE kind = ? AND arn = ?", (kind, arn))
        return _decode(bodies[0]) if bodies else None

    def list(self, kind: str) -> list[Document]:
        """Return every document of a kind, oldest first."""
        bodies = self._read("SELECT body FROM documents WHERE kind = ? ORDER BY sequence", (kind,))
        return [_decode(body) for body in bodies]

    def delete(self, kind: str, name: str) -> bool:
        """Remove one document; False when there was none."""
        with self.transaction() as connection:
            done = connection.execute(
                "DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)
            )
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
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self.root / 'state.db'}: {error}") from error

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

    def _read(self, query: str, values: tuple[str, ...]) -> Sequence[str]:
        try:
            return [row[0] for row in self._connection().execute(query, values)]
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {self.root / 'state.db'}: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self.root / "state.db", timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing
            self._local.connection = connection
        connection = self._local.connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101
        return connection


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {"$time": value.astimezone(UTC).isoformat()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(text: str) -> Document:
    body: Document = json.loads(text, object_hook=_restore)
    return body


def _restore(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$time"]) if value.keys() == {"$time"} else value
