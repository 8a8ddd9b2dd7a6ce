"""Name the contents of a folder that a step reads, so that another content is another name.

A file is hashed once: its hash is remembered by inode, size and the times of its last change and of
its last change of status, which no program can set back.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from pipeline.durable import write_durably

_FOLDER = "content-hashes"
_LARGEST = 1024**3  # bytes: a larger file is known by its identity alone
_FRESH_NS = 2 * 10**9  # a change right after the hash could bear the same time
_CHUNK = 64  # files that a thread takes at a time
_THREADS = 8

# A file's path below the folder, its size, and its hash.
Listed = tuple[str, int, str]


def identity(status: os.stat_result) -> str:
    """Return what changes whenever a file is replaced or written to."""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def content_hash(file: Path) -> str:
    """Return the hash of a file's bytes. Raises OSError."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:32]


def list_contents(path: Path, state: Path) -> list[Listed]:
    """List every file at or below a path with its hash; `state` keeps what was hashed before.

    Links are followed; a folder that two ways lead to is read once, then named. Raises OSError.
    """
    found = dict(_walk(path))
    files = {name: it for name, it in found.items() if not isinstance(it, str)}
    digests = _digests(path, files, state)
    return [
        (name, 0, it) if isinstance(it, str) else (name, it.st_size, digests[name])
        for name, it in found.items()
    ]


def _digests(path: Path, files: Mapping[str, os.stat_result], state: Path) -> dict[str, str]:
    """Return the hash of every file, reading those alone that are not remembered."""
    memory = state / _FOLDER / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    known = _remembered(memory)
    digests: dict[str, str] = {}
    for name, status in files.items():
        mark, _, digest = known.get(name, "").rpartition(" ")
        if digest and mark == identity(status):
            digests[name] = digest
    before = time.time_ns()
    unknown = [(name, status) for name, status in files.items() if name not in digests]
    if unknown or known.keys() != digests.keys():
        digests |= _hashed(path, unknown)
        _remember(memory, files, digests, before)
    return digests


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result | str]]:
    """Yield every regular file with its status, and each other way to a folder with the first."""
    first = os.stat(path) if path.exists() else None  # noqa: PTH116 - as the entries' own
    if first and S_ISREG(first.st_mode):
        yield ".", first
    if not first or not path.is_dir():
        return
    seen = {(first.st_dev, first.st_ino): "."}
    waiting = [(str(path), "")]
    while waiting:
        folder, prefix = waiting.pop()
        inner = []
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            try:
                status = entry.stat()
            except OSError:  # a link that leads nowhere
                continue
            place = (status.st_dev, status.st_ino)
            if S_ISREG(status.st_mode):
                yield name, status
            elif S_ISDIR(status.st_mode) and place in seen:
                yield f"{name}/", f"as {seen[place]}"
            elif S_ISDIR(status.st_mode):
                seen[place] = name
                inner.append((entry.path, f"{name}/"))
        waiting.extend(reversed(inner))


def _hashed(path: Path, files: Sequence[tuple[str, os.stat_result]]) -> dict[str, str]:
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]

    def work(chunk: Sequence[tuple[str, os.stat_result]]) -> list[tuple[str, str]]:
        return [(name, _digest(path / name, status)) for name, status in chunk]

    with ThreadPoolExecutor(min(_THREADS, len(os.sched_getaffinity(0)))) as pool:
        return dict(pair for pairs in pool.map(work, chunks) for pair in pairs)


def _digest(file: Path, status: os.stat_result) -> str:
    """Return a file's hash; its identity where it is too large to read, or may not be."""
    if not status.st_size:
        return "empty"
    if status.st_size <= _LARGEST:
        with suppress(OSError):
            return content_hash(file)
    return identity(status).replace(" ", "-")


def _remembered(memory: Path) -> Mapping[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    sound = isinstance(known, dict) and all(isinstance(value, str) for value in known.values())
    return known if sound else {}


def _remember(
    memory: Path, files: Mapping[str, os.stat_result], digests: Mapping[str, str], before_ns: int
) -> None:
    """Keep the hashes of files that had rested when they were read."""
    kept = {
        name: f"{identity(status)} {digests[name]}"
        for name, status in files.items()
        if status.st_ctime_ns < before_ns - _FRESH_NS
    }
    with suppress(OSError):
        write_durably(memory, json.dumps(kept).encode())
