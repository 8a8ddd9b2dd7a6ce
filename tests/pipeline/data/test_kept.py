"""What is made once and kept: an archive is unpacked at its first use, by its content."""

import shutil
import zipfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from pipeline.archives import ArchiveError
from pipeline.data.kept import unpacked_once
from pipeline.data.progress import Progress


def write(archive: Path, content: bytes) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("cat/1.jpg", content)
    return archive


def test_an_archive_is_unpacked_once_and_found_again_whatever_it_is_called(tmp_path: Path) -> None:
    said = StringIO()
    first = unpacked_once(write(tmp_path / "a.zip", b"1"), tmp_path / "state", Progress(said))
    assert (first / "cat" / "1.jpg").read_bytes() == b"1"
    assert "which is kept for later runs" in said.getvalue()
    inode = first.stat().st_ino
    shutil.copy(tmp_path / "a.zip", tmp_path / "b.zip")
    again = unpacked_once(tmp_path / "b.zip", tmp_path / "state", Progress(StringIO()))
    assert (again, again.stat().st_ino) == (first, inode)


def test_a_changed_archive_is_another(tmp_path: Path) -> None:
    quiet = Progress(StringIO())
    places = [
        unpacked_once(write(tmp_path / "a.zip", content), tmp_path / "state", quiet)
        for content in (b"1", b"2")
    ]
    assert [(place / "cat" / "1.jpg").read_bytes() for place in places] == [b"1", b"2"]


def test_what_cannot_be_unpacked_leaves_nothing(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", b"1" * 1000)
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ArchiveError, match="a zip archive, but damaged or cut short"):
        unpacked_once(archive, tmp_path / "state", Progress(StringIO()))
    assert not list((tmp_path / "state" / "unpacked").iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda pictures: (pictures / "cat" / "1.jpg").unlink(),
        lambda pictures: (pictures / "cat" / "1.jpg").write_bytes(b""),
        lambda pictures: (pictures / "cat" / "2.jpg").touch(),
        lambda pictures: (pictures.parent / "files.sha256").unlink(),
    ],
    ids=["lost", "cut", "added", "listing lost"],
)
def test_a_kept_folder_that_changed_is_refused_and_not_touched(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    archive, quiet = write(tmp_path / "a.zip", b"1"), Progress(StringIO())
    pictures = unpacked_once(archive, tmp_path, quiet)
    change(pictures)
    before = sorted(pictures.rglob("*"))
    with pytest.raises(ArchiveError, match=r"is not what was unpacked from .*or remove"):
        unpacked_once(archive, tmp_path, quiet)
    assert sorted(pictures.rglob("*")) == before
    shutil.rmtree(pictures.parent)
    assert (unpacked_once(archive, tmp_path, quiet) / "cat" / "1.jpg").read_bytes() == b"1"
