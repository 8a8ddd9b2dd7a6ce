"""Runs on this machine: the local service's API, and s3:// as folders."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.report.source import Absent

COMMAND_FILE = "command.json"


class LocalSource:
    """The state folder of local runs."""

    where = "local"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sagemaker: Any = sagemaker_client(store)

    def read(self, uri: str) -> bytes:
        """The bytes of a file. Raises Absent."""
        return self.file(uri).read_bytes()

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        """So many bytes of a file, from `start` on. Raises Absent."""
        with self.file(uri).open("rb") as file:
            file.seek(start)
            return file.read(size)

    def file(self, uri: str) -> Path:
        """The file itself, not a copy. Raises Absent."""
        path = self.store.path(uri)
        if not path.is_file():
            raise Absent(f"{uri} is not there (any more)")
        return path

    def folder(self, uri: str) -> Path:
        """The folder itself, not a copy. Raises Absent."""
        path = self.store.path(uri)
        if not path.is_dir():
            raise Absent(f"{uri} is not there (any more)")
        return path

    def place(self, uri: str) -> Path:
        """The folder behind an address, there or not."""
        return self.store.path(uri)

    def left_behind(self, job: str) -> Path | None:
        """A failed job's own folder stays where it ran."""
        return next(iter(self._run_folders(job, "ml/output/data")), None)

    def log(self, job: str) -> Sequence[str]:
        """The lines of the job's log.txt."""
        for path in self._run_folders(job, "log.txt"):
            return path.read_text(encoding="utf-8", errors="replace").splitlines()
        return ()

    def command(self, execution: str) -> str | None:
        """What `keep_command` wrote when the run ended."""
        try:
            text = (self.store.root / "runs" / execution / COMMAND_FILE).read_text("utf-8")
            return str(json.loads(text)["command"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _run_folders(self, job: str, inner: str) -> list[Path]:
        """`inner` in the folder of a step's job, or of a trial below its step's."""
        runs = self.store.root / "runs"
        names = job.split("-")
        found = [
            path
            for name in names
            if name and (runs / name).is_dir()
            for pattern in (f"*/{job}/{inner}", f"{names[-1]}/{inner}")
            for path in sorted((runs / name).glob(pattern))
        ]
        return [path for path in found if path.exists()]


def keep_command(store: Store, execution: str, command: str) -> None:
    """Keep the command line of a run beside its logs, for the report."""
    folder = store.root / "runs" / execution
    folder.mkdir(parents=True, exist_ok=True)
    (folder / COMMAND_FILE).write_text(json.dumps({"command": command}) + "\n", encoding="utf-8")
