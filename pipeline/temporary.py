"""Make temporary folders that a later command removes when a kill left them.

A folder is locked as long as it is used. What nobody locks any more, and only that, is swept: a
number of a process would not do, as it may be another one's by then.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "sm-local-"
_HALF_WRITTEN = re.compile(r"\.(\d+)(?:-[0-9a-f]+)?\.part$")  # of the process with that number


@contextmanager
def temporary_folder(what: str, parent: Path | None = None) -> Iterator[Path]:
    """Make a folder for as long as the block runs, in `parent` or where the system has them."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{what}-", dir=parent))
        with held(folder) as mine:
            if mine:
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keep a folder from being swept for as long as the block runs; False when it just was."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        with suppress(OSError):  # some file systems cannot lock: there nothing is swept
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder.exists()
    finally:
        os.close(handle)


def sweep_temporary(parent: Path | None = None) -> None:
    """Remove the temporary folders that processes of this user left when they were killed."""
    place = parent or Path(tempfile.gettempdir())
    for folder in place.glob(f"{_PREFIX}*"):
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove a folder of this user's that nobody holds."""
    with suppress(OSError):
        if folder.lstat().st_uid != os.getuid():
            return
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def sweep_parts(paths: Iterable[Path]) -> None:
    """Remove those of these files that a process was writing when it was killed."""
    for path in paths:
        writer = _HALF_WRITTEN.search(path.name)
        if writer and not is_alive(int(writer[1])):
            with suppress(OSError):
                path.unlink()


def is_alive(pid: int) -> bool:
    """Check whether a process with that number runs."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
