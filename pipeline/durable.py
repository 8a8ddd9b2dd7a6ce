"""Write files so that a kill or a power cut leaves the old one or the new one, never a part."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def durably(path: Path) -> Iterator[Path]:
    """Yield a new file's path to write to; it becomes `path` when the block ends well.

    Several processes may write the same path. Raises OSError, and then leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield part
        _sync(part)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    with suppress(OSError):  # some file systems cannot: the file itself is safe
        _sync(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a whole file. Raises OSError."""
    with durably(path) as part:
        part.write_bytes(content)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
