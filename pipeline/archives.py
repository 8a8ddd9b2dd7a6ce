"""Unpack model archives that others may have made, without trusting them."""

import lzma
import tarfile
import zlib
from pathlib import Path

from pipeline.errors import UsageError

MAXIMUM_BYTES = 8 * 1024**3
MAXIMUM_MEMBERS = 10_000
MAXIMUM_DEPTH = 100  # folders within each other: what goes through trees has to reach the end
_CHUNK_BYTES = 1024**2


class ArchiveError(UsageError):
    """An archive is damaged, too large, or holds what must not be unpacked."""


class TooLargeError(ArchiveError):
    """An archive holds more than may be unpacked."""


def extract_archive(
    archive: Path,
    target: Path,
    maximum_bytes: int = MAXIMUM_BYTES,
    maximum_members: int = MAXIMUM_MEMBERS,
) -> None:
    """Unpack a .tar or .tar.gz into an existing folder.

    Links out of the folder, absolute paths, devices and more than the stated bytes (unpacked) or
    members are refused before anything of that member is written; a wrong checksum is found only
    after all of them are. Raises ArchiveError.
    """
    try:
        with tarfile.open(archive, "r:*") as members:
            _extract_members(members, target, maximum_bytes, maximum_members)
    except ArchiveError as error:
        raise type(error)(f"{archive}: {error}") from None
    except tarfile.FilterError as error:
        raise ArchiveError(f"{archive}: {error}; pack it with plain relative paths") from error
    except tarfile.ReadError as error:
        raise ArchiveError(f"{archive} is not a tar archive, or damaged") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


def _extract_members(
    members: tarfile.TarFile, target: Path, maximum_bytes: int, maximum_members: int
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
    _read_rest(members, maximum_bytes - total)


def _read_rest(archive: tarfile.TarFile, maximum_bytes: int) -> None:
    """Read to the end, where gzip keeps its checksum: tarfile stops where the members end."""
    left = maximum_bytes + tarfile.RECORDSIZE  # tar itself fills its last record
    while archive.fileobj and (chunk := archive.fileobj.read(_CHUNK_BYTES)):
        left -= len(chunk)
        if left < 0:
            raise TooLargeError("more bytes after its members than may be unpacked")
