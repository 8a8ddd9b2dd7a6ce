"""Unpack model archives that others may have made, without trusting them."""

import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UsageError

MAXIMUM_BYTES = 8 * 1024**3
MAXIMUM_MEMBERS = 10_000
MAXIMUM_DEPTH = 100  # folders within each other: what goes through trees has to reach the end
_CHUNK_BYTES = 1024**2
Advance = Callable[[int], None]


class ArchiveError(UsageError):
    """An archive is damaged, too large, or holds what must not be unpacked."""


def unheard(_count: int) -> None:
    """Take a count that nobody shows."""


class TooLargeError(ArchiveError):
    """An archive holds more than may be unpacked."""


def extract_archive(
    archive: Path,
    target: Path,
    maximum_bytes: int = MAXIMUM_BYTES,
    maximum_members: int = MAXIMUM_MEMBERS,
    advance: Advance = unheard,
) -> None:
    """Unpack a .tar or .tar.gz into an existing folder; `advance` hears the bytes of it read.

    Links out of the folder, absolute paths, devices and more than the stated bytes (unpacked) or
    members are refused before anything of that member is written; a wrong checksum is found only
    after all of them are. Raises ArchiveError.
    """
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:*") as members:
            heard = _Heard(file, advance)
            _extract_members(members, target, maximum_bytes, maximum_members, heard)
    except ArchiveError as error:
        raise type(error)(f"{archive}: {error}") from None
    except tarfile.FilterError as error:
        raise ArchiveError(f"{archive}: {error}; pack it with plain relative paths") from error
    except tarfile.ReadError as error:
        raise ArchiveError(f"{archive} is not a tar archive, or damaged") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


class _Heard:
    """What was heard of a file's position."""

    def __init__(self, file: BinaryIO, advance: Advance) -> None:
        self._file, self._advance, self._position = file, advance, 0

    def tell(self) -> None:
        """Tell how far the file was read since the last time."""
        position = self._file.tell()
        self._advance(max(0, position - self._position))
        self._position = max(position, self._position)


def _extract_members(
    members: tarfile.TarFile,
    target: Path,
    maximum_bytes: int,
    maximum_members: int,
    heard: _Heard,
) -> None:
    # One by one, so that a bomb is met at its header and not after it has filled the disk.
    total = 0
    for count, member in enumerate(members, start=1):
        total += member.size
        if count > maximum_members:
            raise TooLargeError(f"more than {maximum_members:,} members")
        if total > maximum_bytes:
            raise TooLargeError(f"more than {maximum_bytes:,} bytes unpacked")
        if member.name.count("/") > MAXIMUM_DEPTH:
            raise ArchiveError(f"more than {MAXIMUM_DEPTH} folders within each other")
        members.extract(member, target, filter="data")
        heard.tell()
    _read_rest(members, maximum_bytes - total)


def _read_rest(archive: tarfile.TarFile, maximum_bytes: int) -> None:
    """Read to the end, where gzip keeps its checksum: tarfile stops where the members end."""
    left = maximum_bytes + tarfile.RECORDSIZE  # tar itself fills its last record
    while archive.fileobj and (chunk := archive.fileobj.read(_CHUNK_BYTES)):
        left -= len(chunk)
        if left < 0:
            raise TooLargeError("more bytes after its members than may be unpacked")
