"""Archives of others: what would harm is refused before anything is written outside."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.archives import ArchiveError
from pipeline.data.unpack import Limits, unpack

Write = Callable[[Path, dict[str, bytes]], None]


def _zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def _target(tmp_path: Path) -> Path:
    target = tmp_path / "inner" / "target"
    target.mkdir(parents=True)
    return target


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("write", [_zip, _tar])
def test_an_archive_is_unpacked_whatever_it_is_called(write: Write, tmp_path: Path) -> None:
    files = {"a/1.jpg": b"one", "b/x y/2.jpg": b"two"}
    write(tmp_path / "download", files)
    target = _target(tmp_path)
    unpack(tmp_path / "download", target)
    assert _files(target) == files


@pytest.mark.parametrize("write", [_zip, _tar])
def test_it_is_heard_how_much_of_an_archive_was_read(write: Write, tmp_path: Path) -> None:
    archive, heard = tmp_path / "archive", list[int]()
    write(archive, {f"a/{number}.jpg": bytes(10) for number in range(9)})
    unpack(archive, _target(tmp_path), advance=heard.append)
    assert len(heard) == 9
    assert 0 < sum(heard) <= archive.stat().st_size


@pytest.mark.parametrize("write", [_zip, _tar])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil"])
def test_nothing_leaves_the_folder(write: Write, name: str, tmp_path: Path) -> None:
    write(tmp_path / "archive", {"a/fine": b"", name: b"evil"})
    target = _target(tmp_path)
    if write is _tar and name.startswith("/"):
        unpack(tmp_path / "archive", target)  # tar's filter takes the slash away
        assert (target / "evil").is_file()
    else:
        with pytest.raises(ArchiveError):
            unpack(tmp_path / "archive", target)
    assert not list(tmp_path.glob("evil")) + list(tmp_path.glob("inner/evil"))
    assert not Path("/evil").exists()


@pytest.mark.parametrize("name", ["a\\..\\evil", "\\evil", "C:/evil", "C:\\evil"])
def test_names_that_mean_something_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    _zip(tmp_path / "archive", {name: b"evil"})
    with pytest.raises(ArchiveError, match="would leave"):
        unpack(tmp_path / "archive", _target(tmp_path))


def test_names_as_windows_writes_them_are_folders(tmp_path: Path) -> None:
    names = {"train\\cat\\1.jpg": b"one", "train\\dog\\": b"", "train\\dog\\2.jpg": b"two"}
    _zip(tmp_path / "archive", names)
    target = _target(tmp_path)
    unpack(tmp_path / "archive", target)
    assert _files(target) == {"train/cat/1.jpg": b"one", "train/dog/2.jpg": b"two"}


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (b"E\xcc\x81pagneul/1.jpg", "E\u0301pagneul/1.jpg"),  # macOS: UTF-8, and does not say so
        ("犬/1.jpg".encode(), "犬/1.jpg"),
        (b"\x90pagneul/1.jpg", "Épagneul/1.jpg"),  # Windows, of western Europe
    ],
)
def test_names_without_a_word_on_their_encoding_are_read(
    stored: bytes, name: str, tmp_path: Path
) -> None:
    placeholder = "x" * len(stored)
    _zip(tmp_path / "archive", {placeholder: b"one"})
    content = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(content.replace(placeholder.encode(), stored))
    target = _target(tmp_path)
    unpack(tmp_path / "archive", target)
    assert _files(target) == {name: b"one"}


def test_the_folder_itself_may_be_in_the_archive(tmp_path: Path) -> None:
    _zip(tmp_path / "archive", {"./": b"", "./a/1.jpg": b"one"})
    target = _target(tmp_path)
    unpack(tmp_path / "archive", target)
    assert _files(target) == {"a/1.jpg": b"one"}


@pytest.mark.parametrize("write", [_zip, _tar])
def test_no_folders_are_made_deeper_than_a_walk_goes(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "archive", {"a/" * 200 + "1.jpg": b""})
    with pytest.raises(ArchiveError, match="more than 100 folders within each other"):
        unpack(tmp_path / "archive", _target(tmp_path))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it yourself"),
        (b"Rar!\x1a\x07\x01\x00", "is a RAR archive: unpack it yourself"),
        (b"\x28\xb5\x2f\xfd", "is compressed by zstd: unpack it yourself"),
        (b"PK\x03\x04", "is a zip archive, but damaged or cut short"),
        (b"<html>", "is neither a zip nor a tar archive"),
        (b"\xff\xd8\xff", "is neither a zip nor a tar archive"),
        (b"", "is neither a zip nor a tar archive"),
    ],
)
def test_what_it_is_instead_of_an_archive_is_said(start: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(start + bytes(range(200)) if start else b"")
    with pytest.raises(ArchiveError, match=what):
        unpack(tmp_path / "archive.zip", _target(tmp_path))


def test_a_method_that_is_not_known_is_said(tmp_path: Path) -> None:
    _zip(tmp_path / "archive", {"a": b"content"})
    content = bytearray((tmp_path / "archive").read_bytes())
    for header, place in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        content[content.index(header) + place] = 9  # deflate64, as Windows packs large files
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(ArchiveError, match="not supported; unpack it yourself"):
        unpack(tmp_path / "archive", _target(tmp_path))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or device: unpack it yourself"):
        unpack(tmp_path / "archive", _target(tmp_path))


@pytest.mark.parametrize("write", [_zip, _tar])
def test_a_bomb_stops_at_the_limit(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "archive", {"a/1": bytes(1_000_000), "a/2": bytes(1_000_000)})
    assert (tmp_path / "archive").stat().st_size < 5_000
    target = _target(tmp_path)
    with pytest.raises(ArchiveError, match="bytes unpacked: if it is no bomb, unpack it yourself"):
        unpack(tmp_path / "archive", target, Limits(floor=1_000_000))
    assert sum(map(len, _files(target).values())) <= 1_100_000


@pytest.mark.parametrize("write", [_zip, _tar])
def test_a_full_disk_is_called_so(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "archive", {"a/1": bytes(1_000_000)})
    disk = SimpleNamespace(free=1_000)
    monkeypatch.setattr("pipeline.data.unpack.shutil.disk_usage", lambda _: disk)
    with pytest.raises(
        ArchiveError, match="more than 1,000 bytes unpacked: that is all that is free"
    ):
        unpack(tmp_path / "archive", _target(tmp_path))


@pytest.mark.parametrize("write", [_zip, _tar])
def test_too_many_members_are_refused(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "archive", {f"a/{number}": b"" for number in range(11)})
    with pytest.raises(ArchiveError, match="more than 10 members"):
        unpack(tmp_path / "archive", _target(tmp_path), Limits(maximum_members=10))


def test_a_zip_that_lies_about_its_sizes_gives_no_more_than_it_says(tmp_path: Path) -> None:
    _zip(tmp_path / "archive", {"a/1": bytes(100_000)})
    content = (tmp_path / "archive").read_bytes()
    lie = content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "archive").write_bytes(lie)
    target = _target(tmp_path)
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "archive", target)
    assert sum(map(len, _files(target).values())) <= 10


def test_an_encrypted_zip_says_what_to_do(tmp_path: Path) -> None:
    _zip(tmp_path / "archive", {"a": b"secret"})
    content = bytearray((tmp_path / "archive").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(ArchiveError, match="encrypted: unpack it yourself"):
        unpack(tmp_path / "archive", _target(tmp_path))


@pytest.mark.parametrize(
    ("write", "damage"),
    # A tar has no checksums of its members: noise in one is met when the picture is decoded.
    [(_zip, "cut"), (_zip, "noise"), (_zip, "text"), (_tar, "cut"), (_tar, "text")],
)
def test_a_damaged_archive_is_one_error(write: Write, damage: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    write(path, {"a/1": bytes(range(256)) * 100})
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "noise": content[: middle - 20] + bytes(40) + content[middle + 20 :],
        "text": b"<html>not found</html>",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(ArchiveError):
        unpack(path, _target(tmp_path))
