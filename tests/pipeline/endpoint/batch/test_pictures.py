"""Which files of folders are asked about, and how many go into a request."""

from pathlib import Path

import pytest

from pipeline.endpoint.batch.pictures import MOST_IN_REQUEST, find_pictures, packed
from pipeline.errors import UsageError
from pipeline.settings.serverless import MAXIMUM_BODY

JPEG, PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "a/1.jpg": b"damaged, but named as one",
        "a/deep/2": PNG,
        "notes.txt": b"hello",
        ".hidden.jpg": JPEG,
        "b/Thumbs.db": b"x",
        "b/3.JPEG": JPEG,
    }
    for name, data in files.items():
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "set"


def test_pictures_are_known_by_name_or_content_and_the_rest_is_named(folder: Path) -> None:
    found = find_pictures([str(folder)])
    names = [str(Path(name).relative_to(folder)) for name in found.pictures]
    assert names == ["a/1.jpg", "a/deep/2", "b/3.JPEG"]
    assert found.others == (str(folder / "notes.txt"),)


def test_a_named_file_is_asked_about_whatever_it_is_and_nothing_twice(folder: Path) -> None:
    notes, one = str(folder / "notes.txt"), str(folder / "a" / "1.jpg")
    found = find_pictures([notes, one, str(folder)])
    assert found.pictures[:2] == (notes, one)
    assert (len(found.pictures), found.others) == (4, ())


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "no file"), ("empty", "no picture"), ("/dev/zero", "no regular file")],
)
def test_nothing_to_ask_about_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        find_pictures([str(tmp_path / name)])


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([1] * 5, [5]),
        ([1] * (MOST_IN_REQUEST + 1), [MOST_IN_REQUEST, 1]),
        ([MAXIMUM_BODY // 2] * 3, [1, 1, 1]),  # base64 takes a third more
        ([MAXIMUM_BODY * 3 // 8 - 100] * 3, [2, 1]),
        ([10 * MAXIMUM_BODY, 1], [1, 1]),
        ([], []),
    ],
)
def test_a_request_holds_what_a_body_can(
    tmp_path: Path, sizes: list[int], groups: list[int]
) -> None:
    names = []
    for number, size in enumerate(sizes):
        path = tmp_path / str(number)
        with path.open("wb") as file:
            file.truncate(size)
        names.append(str(path))
    found = list(packed(names))
    assert [len(group) for group in found] == groups
    assert [name for group in found for name in group] == names
