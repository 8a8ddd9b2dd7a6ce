"""What a worker makes of one file, before any picture is decoded."""

import hashlib
from pathlib import Path

import pytest

import preprocessing
from picture_formats import listed
from pictures import picture_rows
from pictures.picture_rows import NoPicture, Refused, hash_file

PNG = b"\x89PNG\r\n\x1a\n" + bytes(92)


def test_a_file_that_begins_as_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    assert hash_file(str(tmp_path / "a.png")) == hashlib.sha256(PNG).hexdigest()


def test_a_file_may_have_as_many_bytes_as_are_read_and_not_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (picture_rows, preprocessing):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", len(PNG))
    (tmp_path / "a.png").write_bytes(PNG)
    assert isinstance(hash_file(str(tmp_path / "a.png")), str)
    (tmp_path / "a.png").write_bytes(PNG + b"x")
    assert hash_file(str(tmp_path / "a.png")) == Refused("101 bytes; at most 100 are read")


def test_what_is_no_picture_is_refused_without_being_decoded(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("not a picture")
    assert hash_file(str(tmp_path / "notes.jpg")) == Refused(f"not a {listed()} picture")
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(2**40)  # takes no space, and is more than fits into memory
    assert hash_file(str(tmp_path / "huge.png")) == Refused(
        "1,099,511,627,776 bytes; at most 50,000,000 are read"
    )


@pytest.mark.parametrize(
    ("name", "content", "is_picture"),
    [
        *(("1.txt", b"notes", False), ("1", b"", False), ("1.mp4", b"film", False)),
        *(("1.txt", PNG, True), ("1", PNG, True), ("1.jpg", b"notes", True)),
        ("1", b"\0\0\0\x18ftypheic\0\0\0\0", True),  # a phone's picture, which is not decoded
    ],
)
def test_what_is_no_picture_by_name_and_content_is_told_from_a_damaged_one(
    name: str, content: bytes, is_picture: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert (hash_file(str(tmp_path / name)) != NoPicture()) == is_picture


def test_a_link_to_nothing_is_a_damaged_picture_only_where_it_is_called_one(tmp_path: Path) -> None:
    for name in ("1.jpg", "1.txt"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    (tmp_path / "2.jpg").symlink_to("/dev/null")
    assert hash_file(str(tmp_path / "1.jpg")) == Refused("a broken link")
    assert hash_file(str(tmp_path / "2.jpg")) == Refused("no regular file")
    assert hash_file(str(tmp_path / "1.txt")) == NoPicture()
