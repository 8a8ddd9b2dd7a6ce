"""Unpack a zip or tar that others have made: nothing outside the folder, no bombs."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.archives import (
    MAXIMUM_DEPTH,
    Advance,
    ArchiveError,
    TooLargeError,
    extract_archive,
    unheard,
)

_CHUNK = 1024 * 1024
# What cannot be unpacked here is at least called by its name.
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
_SAYS_UTF8 = 0x800
_UNPACK_IT = "unpack it yourself and give the folder"


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold. `ratio`: unpacked bytes for a packed one.

    Pictures are compressed already: a data set that grows much is no data set.
    """

    maximum_bytes: int = 200 * 1000**3
    maximum_members: int = 2_000_000
    ratio: int = 20
    floor: int = 64 * 1000**2

    def bytes_for(self, packed: int) -> int:
        """Return the limit for an archive of `packed` bytes."""
        return min(self.maximum_bytes, self.floor + self.ratio * packed)


def unpack(
    archive: Path, target: Path, limits: Limits | None = None, advance: Advance = unheard
) -> None:
    """Unpack a .zip, .tar or .tar.gz into an existing folder; `advance` hears the bytes of it read.

    Raises ArchiveError, before anything harmful is written, for a member that would leave the
    folder, a link or device, encryption, damage, or more than the limits.
    """
    limits = limits or Limits()
    most, free = limits.bytes_for(archive.stat().st_size), shutil.disk_usage(target).free
    try:
        _unpack(archive, target, min(most, free), limits.maximum_members, advance)
    except TooLargeError as error:
        grows = f"if it is no bomb, {_UNPACK_IT}"
        way_out = f"that is all that is free in {target.parent}" if free < most else grows
        raise ArchiveError(f"{error}: {way_out}") from error


def _unpack(
    archive: Path, target: Path, maximum: int, maximum_members: int, advance: Advance
) -> None:
    if zipfile.is_zipfile(archive):
        _unzip(archive, target, maximum, maximum_members, advance)
        return
    with archive.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        raise ArchiveError(f"{archive} is a zip archive, but damaged or cut short: fetch it again")
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise ArchiveError(f"{archive} is {what}: {_UNPACK_IT}")
    try:
        extract_archive(archive, target, maximum, maximum_members, advance)
    except ArchiveError as error:
        if not isinstance(error.__cause__, tarfile.ReadError):
            raise
        what = "is neither a zip nor a tar archive, or it is damaged"
        raise ArchiveError(f"{archive} {what}: give a folder, or pack it again") from error


def _unzip(
    archive: Path, target: Path, maximum_bytes: int, maximum_members: int, advance: Advance
) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > maximum_members:
                raise TooLargeError(f"{archive}: more than {maximum_members:,} members")
            # zipfile reads no more of a member than its header says, so these sums hold.
            if sum(member.file_size for member in members) > maximum_bytes:
                raise TooLargeError(f"{archive}: more than {maximum_bytes:,} bytes unpacked")
            for member in members:
                _check(archive, member)
            for member in members:
                _extract(opened, member, target)
                advance(member.compress_size)
    except NotImplementedError as error:  # a method of compression, such as Windows' deflate64
        raise ArchiveError(f"{archive}: {error}; {_UNPACK_IT}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


def _check(archive: Path, member: zipfile.ZipInfo) -> None:
    name = _name(member)
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or (parts and parts[0][1:2] == ":"):
        what = f"{archive}: {name!r} would leave the folder"
        raise ArchiveError(f"{what}: pack it with plain relative paths")
    if len(parts) > MAXIMUM_DEPTH:
        raise ArchiveError(f"{archive}: more than {MAXIMUM_DEPTH} folders within each other")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"{archive}: {name!r} is a link or device: {_UNPACK_IT}")
    if member.flag_bits & 1:
        raise ArchiveError(f"{archive} is encrypted: {_UNPACK_IT}")


def _name(member: zipfile.ZipInfo) -> str:
    r"""Return a member's name: Windows may write `cat\1.jpg`, macOS UTF-8 without saying so."""
    name = member.filename.replace("\\", "/")
    if not member.flag_bits & _SAYS_UTF8:
        with suppress(UnicodeError):
            return name.encode("cp437").decode("utf-8")
    return name


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    name = _name(member)
    path = target.joinpath(*PurePosixPath(name).parts)
    if name.endswith("/"):
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
