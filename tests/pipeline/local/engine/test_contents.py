"""A folder's contents are named by its bytes, which are read once."""

import os
import time
from pathlib import Path

import pytest

from pipeline.local.engine import contents
from pipeline.local.engine.contents import list_contents


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read, until somebody clears it."""
    read: list[str] = []
    hash_it = contents.content_hash

    def record(file: Path) -> str:
        read.append(file.name)
        return hash_it(file)

    monkeypatch.setattr(contents, "content_hash", record)
    return read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "data" / "empty").touch()
    return tmp_path / "data"


@pytest.fixture
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before is old enough to be known by its times."""
    now = time.time_ns
    monkeypatch.setattr(contents.time, "time_ns", lambda: now() + 10**10)


def test_files_are_read_once_and_then_only_what_changed(
    folder: Path, tmp_path: Path, hashed: list[str], rested: None
) -> None:
    del rested
    first = list_contents(folder, tmp_path)
    assert [name for name, *_ in first] == ["empty", "a/1.jpg", "a/2.jpg", "b/1.jpg"]
    assert sorted(hashed) == ["1.jpg", "1.jpg", "2.jpg"]
    hashed.clear()
    assert list_contents(folder, tmp_path) == first
    assert hashed == []
    before = (folder / "a" / "2.jpg").stat()
    (folder / "a" / "2.jpg").write_text("other!!")
    os.utime(folder / "a" / "2.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = list_contents(folder, tmp_path)
    assert hashed == ["2.jpg"]
    assert [name for name, *_ in set(changed) ^ set(first)] == ["a/2.jpg"] * 2


def test_a_file_that_was_just_written_is_read_again(
    folder: Path, tmp_path: Path, hashed: list[str]
) -> None:
    first = list_contents(folder, tmp_path)
    hashed.clear()
    assert list_contents(folder, tmp_path) == first
    assert len(hashed) == 3


@pytest.mark.parametrize("damage", ["", "[1]", '{"a": 1}', "{", "[" * 5000])
def test_a_damaged_memory_is_forgotten(
    folder: Path, tmp_path: Path, hashed: list[str], damage: str, rested: None
) -> None:
    del rested
    first = list_contents(folder, tmp_path)
    (memory,) = (tmp_path / "content-hashes").iterdir()
    memory.write_text(damage)
    hashed.clear()
    assert list_contents(folder, tmp_path) == first
    assert len(hashed) == 3


def test_a_copy_has_the_same_contents_and_a_single_file_is_a_listing_too(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    folder.rename(copy)
    copied = list_contents(copy, tmp_path)
    copy.rename(folder)
    assert list_contents(folder, tmp_path) == copied
    ((name, size, _),) = list_contents(folder / "a" / "1.jpg", tmp_path)
    assert (name, size) == (".", 7)
    assert list_contents(tmp_path / "nothing", tmp_path) == []


def test_what_cannot_be_read_or_is_too_large_is_known_by_its_identity(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_LARGEST", 3)
    first = list_contents(folder, tmp_path)
    assert list_contents(folder, tmp_path) == first
    (folder / "a" / "1.jpg").write_text("changed")
    assert list_contents(folder, tmp_path) != first


def test_links_that_fan_out_cost_no_more_than_the_folders_there_are(
    folder: Path, tmp_path: Path
) -> None:
    for level in range(40):
        (folder / f"level{level}").mkdir()
        for way in ("left", "right"):
            (folder / f"level{level}" / way).symlink_to(folder / f"level{level + 1}")
    listed = list_contents(folder, tmp_path)
    assert len(listed) < 4 + 3 * 40
    (folder / "level40").mkdir()
    (folder / "level40" / "1.jpg").write_text("new")
    assert list_contents(folder, tmp_path) != listed


def test_folders_within_each_other_and_devices_are_no_trouble(folder: Path, tmp_path: Path) -> None:
    nested = [Path(f"{folder}/{'d/' * level}") for level in range(1, 1201)]
    for place in nested:
        place.mkdir()
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "nowhere").symlink_to("nothing")
    os.mkfifo(folder / "fifo")
    assert len(list_contents(folder, tmp_path)) == 4
    for place in reversed(nested):
        place.rmdir()
