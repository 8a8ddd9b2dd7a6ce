"""Classes, splits and files from folders alone."""

from pathlib import Path

import pytest

from job.errors import JobError
from pictures.image_folder import find_images


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


COMPOSED, DECOMPOSED = "\u00c9pagneul", "E\u0301pagneul"  # both are read as Épagneul
SPLIT = [f"{split}/{label}/1.jpg" for split in ("train", "valid", "test") for label in ("a", "b")]


def test_classes_are_the_folders_and_files_may_lie_deeper(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, "cat/1.jpg", "cat/more/2.jpg", "Dog/3.png"))
    assert found.classes == ("Dog", "cat")
    assert [(file.label, file.name, file.split) for file in found.files] == [
        ("Dog", "Dog/3.png", None),
        ("cat", "cat/1.jpg", None),
        ("cat", "cat/more/2.jpg", None),
    ]
    assert not found.is_split


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "val", "testing")])
def test_split_folders_give_the_split(tmp_path: Path, names: tuple[str, ...]) -> None:
    beside = ("README.md", f"{names[0]}/notes.txt")
    pictures = (f"{name}/{label}/1.jpg" for name in names for label in "ab")
    found = find_images(touch(tmp_path, *beside, *pictures))
    assert found.is_split and found.classes == ("a", "b")
    assert found.ignored == ("README.md", "notes.txt")
    assert [file.split for file in found.files] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2


def test_one_folder_around_everything_is_stepped_into(tmp_path: Path) -> None:
    touch(tmp_path, *(f"archive/pictures/{name}" for name in SPLIT), "__MACOSX/archive/._1.jpg")
    found = find_images(tmp_path)
    assert found.is_split and found.files[0].name == "train/a/1.jpg"


@pytest.mark.parametrize("names", [("plane", "train"), ("test", "val")])
def test_a_class_may_be_called_as_a_split_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = find_images(touch(tmp_path, *(f"{name}/1.jpg" for name in names)))
    assert found.classes == names and not found.is_split


def test_hidden_and_system_files_and_what_lies_beside_are_ignored(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "README.md", ".git/config", "a/.DS_Store", "b/Thumbs.db")
    found = find_images(tmp_path)
    assert [file.name for file in found.files] == ["a/1.jpg", "b/1.jpg"]
    assert found.ignored == ("README.md",)


def test_other_files_of_a_class_are_kept_to_be_refused_by_name(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, "a/1.jpg", "a/notes.txt", "b/1.jpg"))
    assert "a/notes.txt" in [file.name for file in found.files]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "a/1.jpg", "b/1.jpg")
    touch(tmp_path / "elsewhere", "2.jpg")
    (data / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "a" / "up").symlink_to(data / "a")
    (data / "b" / "all").symlink_to(data)
    (data / "b" / "around").symlink_to(tmp_path)
    (data / "self").symlink_to(data)
    (tmp_path / "elsewhere" / "back").symlink_to(data)
    found = find_images(data)
    assert [file.name for file in found.files] == ["a/1.jpg", "a/linked/2.jpg", "b/1.jpg"]
    assert found.classes == ("a", "b") and found.ignored == ("self",)


def test_folders_that_only_link_to_each_other_hold_no_data(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "way").symlink_to(tmp_path / "two")
    (tmp_path / "two" / "back").symlink_to(tmp_path / "one")
    with pytest.raises(JobError, match="one holds one class only"):
        find_images(tmp_path / "one")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no class folders"),
        (["1.jpg", "2.jpg"], "no class folders"),
        (["a/1.jpg", "a/2.jpg"], "one class only"),
        (["a/.hidden", "b/.hidden"], "no files"),
        (["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg"], "no test folder"),
        ([*SPLIT, "val/a/1.jpg"], "keep one folder for the valid split"),
        ([*SPLIT, "test/c/1.jpg"], "c only in test"),
        ([*SPLIT, *(f"test/{name}/1.jpg" for name in "cde")], r"c, d, e \(c only in test"),
        ([*SPLIT, *(f"test/{name}/1.jpg" for name in "cdef")], r"c, d, e and 1 more \(c only"),
        ([*SPLIT, "train/c/1.jpg"], "c only in train"),
        (["train/a/1.jpg", "valid/a/1.jpg", "test/a/1.jpg"], "one class only"),
        (["a\nb/1.jpg", "c/1.jpg"], "unprintable"),
    ],
)
def test_impossible_data_is_refused_with_the_reason(
    tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(JobError, match=message):
        find_images(touch(tmp_path, *names))


def test_one_name_in_two_unicode_forms_is_told_from_two_names(tmp_path: Path) -> None:
    places = (("train", COMPOSED), ("valid", DECOMPOSED), ("test", COMPOSED))
    touch(tmp_path, *(f"{split}/{label}/1.jpg" for split, name in places for label in (name, "b")))
    with pytest.raises(JobError) as caught:
        find_images(tmp_path)
    message = str(caught.value)
    assert f"train and valid in {tmp_path} have {COMPOSED} in two Unicode forms" in message
    assert r"'E\u0301pagneul' and '\xc9pagneul'" in message
    assert "rename them to one form" in message


@pytest.mark.parametrize("others", [[], SPLIT], ids=["unsplit", "split"])
def test_two_class_folders_of_the_same_look_are_refused(tmp_path: Path, others: list[str]) -> None:
    above = "train/" if others else ""
    touch(tmp_path, *others, *(f"{above}{label}/1.jpg" for label in (COMPOSED, DECOMPOSED)))
    with pytest.raises(JobError, match=r"two Unicode forms.* move the pictures of one"):
        find_images(tmp_path)


def test_a_name_in_one_form_is_kept_as_it_is(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, f"{DECOMPOSED}/1.jpg", "Z/1.jpg", "z/1.jpg"))
    assert found.classes == (DECOMPOSED, "Z", "z")


def test_a_missing_folder_or_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="missing does not exist"):
        find_images(tmp_path / "missing")
    with pytest.raises(JobError, match="is a file"):
        find_images(touch(tmp_path, "file") / "file")


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/\udcff.jpg")
    assert [file.name for file in find_images(tmp_path).files] == ["a/1.jpg", "b/\\xff.jpg"]
