"""Files with their labels and splits; how folders are read, test_layouts shows."""

from pathlib import Path

import pytest

from job.errors import JobError
from pictures.image_folder import find_images


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


SPLIT = [f"{split}/{label}/1.jpg" for split in ("train", "valid", "test") for label in ("a", "b")]


def test_every_file_of_a_class_is_found_by_its_path_below_the_folder_given(tmp_path: Path) -> None:
    touch(tmp_path, "wrap/cat/1.jpg", "wrap/cat/more/2.jpg", "wrap/Dog/3.png", "wrap/Dog/notes.txt")
    found = find_images(tmp_path)
    assert found.classes == ("Dog", "cat")
    assert [(file.label, file.name, file.split) for file in found.files] == [
        ("Dog", "wrap/Dog/3.png", None),
        ("Dog", "wrap/Dog/notes.txt", None),
        ("cat", "wrap/cat/1.jpg", None),
        ("cat", "wrap/cat/more/2.jpg", None),
    ]
    assert all(Path(file.path) == tmp_path / file.name for file in found.files)
    assert found.drawn == ("train", "valid", "test")


def test_folders_give_the_split(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, *SPLIT))
    assert [file.split for file in found.files] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2
    assert found.drawn == ()


def test_what_folders_do_not_give_is_still_to_be_drawn_from_train(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, *(name for name in SPLIT if not name.startswith("valid"))))
    assert [file.split for file in found.files] == [None, None, "test", "test"]
    assert found.drawn == ("train", "valid")
    assert found.notes == ("no folder gives valid its classes: it is cut out of train",)


def test_classes_written_almost_alike_are_said(tmp_path: Path) -> None:
    found = find_images(touch(tmp_path, "Cat/1.jpg", "cat/1.jpg", "dog/1.jpg", "dog /1.jpg"))
    assert found.classes == ("Cat", "cat", "dog", "dog ")
    assert [note.partition(" are written")[0] for note in found.notes] == [
        "warning: the classes 'Cat' and 'cat'",
        "warning: the classes 'dog' and 'dog '",
    ]


def test_what_can_be_meant_in_two_ways_names_both_and_the_setting(tmp_path: Path) -> None:
    touch(tmp_path, "animals/cat/1.jpg", "animals/dog/1.jpg", "things/cup/1.jpg")
    with pytest.raises(JobError) as doubted:
        find_images(tmp_path)
    assert str(doubted.value) == (
        f"the folders of {tmp_path} all hold folders of their own, cat, cup, dog; say which is "
        "meant. 2 classes: animals, things: --set data.layout=class; 3 classes: cat, cup, dog, all "
        "groups together: --set data.layout=group/class"
    )
    assert find_images(tmp_path, "group/class").classes == ("cat", "cup", "dog")


def test_a_folder_that_may_be_meant_is_named_by_the_end_of_its_address(tmp_path: Path) -> None:
    touch(tmp_path, "in/Images/a/1.jpg", "in/Images/b/1.jpg", "in/samples/1.jpg")
    with pytest.raises(
        JobError, match=r"2 classes: a, b: DataUri with /in/Images at its end; 2 cl"
    ):
        find_images(tmp_path)


def test_a_missing_folder_or_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="missing does not exist"):
        find_images(tmp_path / "missing")
    with pytest.raises(JobError, match="is a file"):
        find_images(touch(tmp_path, "file") / "file")


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/\udcff.jpg")
    assert [file.name for file in find_images(tmp_path).files] == ["a/1.jpg", "b/\\xff.jpg"]
