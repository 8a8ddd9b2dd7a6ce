"""Archives from elsewhere unpack inside their folder and within their limits, or not at all."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.archives import ArchiveError, extract_archive


def _archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"\0" * member.size))
    return path


def _member(
    name: str, size: int = 1, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size if kind == tarfile.REGTYPE else 0, kind, link
    return member


def test_files_and_folders_come_out(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("code/inference.py", 3), _member("b"))
    (tmp_path / "out").mkdir()
    extract_archive(archive, tmp_path / "out")
    assert (tmp_path / "out/code/inference.py").stat().st_size == 3


@pytest.mark.parametrize(
    "member",
    [
        _member("../outside"),
        _member("a/../../outside"),
        _member("link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        _member("link", kind=tarfile.SYMTYPE, link="../outside"),
        _member("hard", kind=tarfile.LNKTYPE, link="../outside"),
        _member("device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.linkname}",
)
def test_what_would_leave_the_folder_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    archive = _archive(tmp_path / "a.tar.gz", member)
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match=r"a\.tar\.gz"):
        extract_archive(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_an_absolute_path_lands_inside(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("/etc/cron.d/job"))
    (tmp_path / "out").mkdir()
    extract_archive(archive, tmp_path / "out")
    assert (tmp_path / "out/etc/cron.d/job").is_file()


def test_a_bomb_is_stopped_at_its_header(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tar.gz", _member("small", 10), _member("bomb", 5_000_000))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match="more than 1,000 bytes"):
        extract_archive(archive, tmp_path / "out", maximum_bytes=1000)
    assert not (tmp_path / "out/bomb").exists()
    with pytest.raises(ArchiveError, match="more than 1 members"):
        extract_archive(archive, tmp_path / "out", maximum_members=1)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError) as caught:
        extract_archive(tmp_path / "a.tar.gz", tmp_path)
    assert "a.tar.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    whole = _archive(tmp_path / "a.tar.gz", _member("a", 200_000)).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError):
        extract_archive(tmp_path / "a.tar.gz", tmp_path)


@pytest.mark.parametrize("place", [15_000, -6])
def test_wrong_content_and_a_wrong_checksum_are_refused(tmp_path: Path, place: int) -> None:
    content, member = np.random.default_rng(0).bytes(30_000), _member("weights", 30_000)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(content))
    packed = bytearray((tmp_path / "a.tar.gz").read_bytes())
    packed[place] ^= 0xFF
    (tmp_path / "a.tar.gz").write_bytes(packed)
    with pytest.raises(ArchiveError, match="CRC check failed"):
        extract_archive(tmp_path / "a.tar.gz", tmp_path)


def test_a_bomb_behind_the_members_is_stopped(tmp_path: Path) -> None:
    whole = _archive(tmp_path / "a.tar.gz", _member("small", 10)).read_bytes()
    (tmp_path / "out").mkdir()
    extract_archive(tmp_path / "a.tar.gz", tmp_path / "out", maximum_bytes=10)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(gzip.decompress(whole) + bytes(50_000)))
    with pytest.raises(ArchiveError, match="after its members"):
        extract_archive(tmp_path / "a.tar.gz", tmp_path / "out", maximum_bytes=1000)
