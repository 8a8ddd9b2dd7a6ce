"""Know what a step wrote, and whether it is still there as it was."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from pipeline.local.engine.contents import content_hash, identity

# A file's identity, its size, and its hash or None.
KeptFile = tuple[str, int, str | None]
KeptFiles = dict[str, KeptFile]
_ITSELF = "."


@dataclass(frozen=True)
class Looked:
    """An output as it is now: its `problem`, if any, and what to keep; `moved`: in other files."""

    kept: KeptFiles
    problem: str = ""
    moved: bool = False


def list_output(path: Path) -> KeptFiles:
    """List the files of an output: a folder, or one file. Raises OSError."""
    statuses = {name: file.stat() for name, file in _files(path)}
    return {name: (identity(it), it.st_size, None) for name, it in statuses.items()}


def with_hashes(path: Path, kept: KeptFiles) -> KeptFiles:
    """Add the hash of every file that is still as it was kept."""
    hashed = dict(kept)
    for name, (mark, size, digest) in kept.items():
        file = path / name
        with suppress(OSError):
            if digest is None and identity(file.stat()) == mark:
                hashed[name] = (mark, size, content_hash(file))
    return hashed


def check_output(path: Path, kept: KeptFiles) -> Looked:
    """Look at every file that an output had; more files than these do no harm."""
    now: KeptFiles = {}
    if kept and not path.exists():
        return Looked(now, f"{path.name} is missing")
    for name, (mark, size, digest) in kept.items():
        try:
            status = (path / name).stat()
            problem = _problem(path / name, status, (mark, size, digest))
        except FileNotFoundError:
            problem = "is missing"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        if problem:
            shown = path.name if name == _ITSELF else f"{path.name}/{name}"
            return Looked(now, f"{shown} {problem}")
        now[name] = (identity(status), size, digest)
    return Looked(now, moved=now != kept)


def _problem(file: Path, status: os.stat_result, kept: KeptFile) -> str:
    mark, size, digest = kept
    if not S_ISREG(status.st_mode):
        return "is no file any more"
    if status.st_size != size:
        return f"has {status.st_size:,} bytes and had {size:,}"
    if identity(status) != mark and (digest is None or content_hash(file) != digest):
        return "was changed"
    return ""


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield _ITSELF, path
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield file.relative_to(path).as_posix(), file
