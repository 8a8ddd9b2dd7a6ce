"""A file is written as a whole or not at all, by many at the same time."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.durable import durably, write_durably


def test_a_file_and_its_folder_are_made_and_nothing_else(tmp_path: Path) -> None:
    write_durably(tmp_path / "a" / "b", b"one")
    write_durably(tmp_path / "a" / "b", b"two")
    assert (tmp_path / "a" / "b").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: there.append((tmp_path / "file").exists()))
    write_durably(tmp_path / "file", b"one")
    assert there == [False, True]  # the file, then the folder with its name


def test_what_fails_leaves_the_old_one_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_durably(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(tmp_path / "file", b"new")
    with pytest.raises(KeyboardInterrupt), durably(tmp_path / "file") as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_of_many_writers_one_is_the_last(tmp_path: Path) -> None:
    texts = [str(number).encode() * 10_000 for number in range(8)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda text: write_durably(tmp_path / "file", text), texts))
    assert (tmp_path / "file").read_bytes() in texts
    assert len(list(tmp_path.iterdir())) == 1
