"""Unpack a zip or tar that others have made: nothing outside the folder, no bombs."""

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.archives import ArchiveError, extract_archive

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold. `ratio`: unpacked bytes for a packed one.

    Pictures are compressed already: a data set that grows much is no data set.
    """

    maximum_bytes: int = 200 * 1000**3
    maximum_members: int = 2_000_000
    ratio: int = 20
    floor: int = 64 * 1000**2

    def bytes_for(self, packed: int, free: int) -> int:
        """Return the limit for an archive of `packed` bytes with `free` bytes of disk."""
        return min(self.maximum_bytes, free, self.floor + self.ratio * packed)


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> None:
    """Unpack a .zip, .tar or .tar.gz into an existing folder.

    Raises ArchiveError, before anything harmful is written, for a member that would leave the
    folder, a link or device, encryption, damage, or more than the limits.
    """
    limits = limits or Limits()
    maximum = limits.bytes_for(archive.stat().st_size, shutil.disk_usage(target).free)
    if zipfile.is_zipfile(archive):
        _unzip(archive, target, maximum, limits.maximum_members)
    else:
        extract_archive(archive, target, maximum, limits.maximum_members)


def _unzip(archive: Path, target: Path, maximum_bytes: int, maximum_members: int) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > maximum_members:
                raise ArchiveError(f"{archive}: more than {maximum_members} members")
            # zipfile reads no more of a member than its header says, so these sums hold.
            if sum(member.file_size for member in members) > maximum_bytes:
                raise ArchiveError(f"{archive}: more than {maximum_bytes} bytes unpacked")
            for member in members:
                _check(archive, member)
            for member in members:
                _extract(opened, member, target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


def _check(archive: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or parts[0][1:2] == ":":
        raise ArchiveError(f"{archive}: {name!r} would leave the folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"{archive}: {name!r} is a link or device")
    if member.flag_bits & 1:
        raise ArchiveError(f"{archive} is encrypted: unpack it yourself and give the folder")


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    path = target.joinpath(*PurePosixPath(member.filename).parts)
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
