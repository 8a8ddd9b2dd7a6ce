"""Unpack model archives that others may have made, without trusting them."""

import tarfile
import zlib
from pathlib import Path

from pipeline.errors import UsageError

MAXIMUM_BYTES = 8 * 1024**3
MAXIMUM_MEMBERS = 10_000


class ArchiveError(UsageError):
    """An archive is damaged, too large, or holds what must not be unpacked."""


def extract_archive(
    archive: Path,
    target: Path,
    maximum_bytes: int = MAXIMUM_BYTES,
    maximum_members: int = MAXIMUM_MEMBERS,
) -> None:
    """Unpack a .tar or .tar.gz into an existing folder.

    Links out of the folder, absolute paths, devices and more than the stated bytes (unpacked) or
    members are refused before anything of that member is written. Raises ArchiveError.
    """
    try:
        with tarfile.open(archive, "r:*") as members:
            _extract_members(members, target, maximum_bytes, maximum_members)
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from None
    except tarfile.FilterError as error:
        raise ArchiveError(f"{archive}: {error}; pack it with plain relative paths") from error
    except tarfile.ReadError as error:
        raise ArchiveError(f"{archive} is not a tar archive, or damaged") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


def _extract_members(
    members: tarfile.TarFile, target: Path, maximum_bytes: int, maximum_members: int
) -> None:
    # One by one, so that a bomb is met at its header and not after it has filled the disk.
    total = 0
    for count, member in enumerate(members, start=1):
        total += member.size
        if count > maximum_members:
            raise ArchiveError(f"more than {maximum_members} members")
        if total > maximum_bytes:
            raise ArchiveError(f"more than {maximum_bytes} bytes unpacked")
        members.extract(member, target, filter="data")
