"""The same pictures have the same fingerprint, however they are wrapped."""

import os
from io import StringIO
from pathlib import Path

import pytest

from pipeline.data.files import DataSet, scan
from pipeline.data.progress import Progress
from pipeline.data.reading import DataError, read_data

QUIET = Progress(StringIO())


def _write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def scanned(folder: Path) -> DataSet:
    return scan(read_data(folder), QUIET)


PICTURES = {"cat/1.jpg": b"a", "cat/sub/2.jpg": b"bb", "dog/1.jpg": b"a"}


def test_files_are_found_and_hashed(tmp_path: Path) -> None:
    data = scanned(_write(tmp_path, PICTURES))
    assert [(file.name, file.size) for file in data.files] == [
        ("cat/1.jpg", 1),
        ("cat/sub/2.jpg", 2),
        ("dog/1.jpg", 1),
    ]
    assert data.files[0].sha256 == data.files[2].sha256
    assert data.size == 4


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"README.txt": b"beside the classes"},
        {".git/config": b"hidden", "cat/.DS_Store": b"hidden"},
        {"__MACOSX/cat/1.jpg": b"system", "dog/Thumbs.db": b"system"},
    ],
)
@pytest.mark.parametrize("wrapper", [".", "dogImages", "a/b"])
def test_what_is_no_picture_and_what_wraps_them_does_not_count(
    extra: dict[str, bytes], wrapper: str, tmp_path: Path
) -> None:
    plain = scanned(_write(tmp_path / "plain", PICTURES))
    _write(tmp_path / "other" / wrapper, PICTURES | extra)
    assert scanned(tmp_path / "other").fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"cat/1.jpg": b"A"},
        {"cat/3.jpg": b"a"},
        {"bird/1.jpg": b"a"},
    ],
)
def test_any_change_changes_the_fingerprint(changed: dict[str, bytes], tmp_path: Path) -> None:
    before = scanned(_write(tmp_path, PICTURES)).fingerprint
    assert scanned(_write(tmp_path, changed)).fingerprint != before


def test_a_renamed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    before = scanned(_write(tmp_path, PICTURES)).fingerprint
    (tmp_path / "cat/1.jpg").rename(tmp_path / "cat/9.jpg")
    assert scanned(tmp_path).fingerprint != before


@pytest.mark.parametrize("files", [{}, {"1.jpg": b"no class"}, {".hidden/1.jpg": b""}])
def test_no_class_folders_say_what_is_expected(files: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="<class>/<picture>"):
        scanned(_write(tmp_path, files))


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; expected"):
        scanned(tmp_path / "none")


def test_a_name_that_s3_cannot_hold_is_named(tmp_path: Path) -> None:
    _write(tmp_path, PICTURES)
    (tmp_path / os.fsdecode(b"cat/caf\xe9.jpg")).write_bytes(b"c")
    with pytest.raises(DataError, match="not UTF-8"):
        scanned(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    _write(tmp_path, PICTURES)
    os.mkfifo(tmp_path / "cat/pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        scanned(tmp_path)
