"""Read runs on this machine from the local service's API, with s3:// as folders."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.report.sources.source import Absent

COMMAND_FILE = "command.json"


class LocalSource:
    """A source of local runs: their state folder."""

    where = "local"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sagemaker: Any = sagemaker_client(store)

    def read(self, uri: str) -> bytes:
        """Return the bytes of a file. Raises Absent."""
        return self.file(uri).read_bytes()

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        """Return `size` bytes of a file from offset `start`. Raises Absent."""
        with self.file(uri).open("rb") as file:
            file.seek(start)
            return file.read(size)

    def file(self, uri: str) -> Path:
        """Return the path of the file itself, not of a copy. Raises Absent."""
        path = self.store.path(uri)
        if not path.is_file():
            raise Absent(f"{uri} is not there (any more)")
        return path

    def folder(self, uri: str) -> Path:
        """Return the path of the folder itself, not of a copy. Raises Absent."""
        path = self.store.path(uri)
        if not path.is_dir():
            raise Absent(f"{uri} is not there (any more)")
        return path

    def place(self, uri: str) -> Path:
        """Return the path behind an s3:// address, whether it exists or not."""
        return self.store.path(uri)

    def unpacked_output(self, job: str) -> Path | None:
        """Return the output data that a failed job left in its own folder; None without."""
        return next(iter(self._run_folders(job, "ml/output/data")), None)

    def log(self, job: str) -> Sequence[str]:
        """Return the lines of the job's log.txt; empty when it is gone."""
        for path in self._run_folders(job, "log.txt"):
            return path.read_text(encoding="utf-8", errors="replace").splitlines()
        return ()

    def command(self, execution: str) -> str | None:
        """Return the command that `keep_command` wrote when the run ended; None without."""
        try:
            text = (self.store.root / "runs" / execution / COMMAND_FILE).read_text("utf-8")
            return str(json.loads(text)["command"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _run_folders(self, job: str, inner: str) -> list[Path]:
        """Find `inner` in the folder of a step's job, or of a trial below its step's."""
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
