"""What can be meant in two ways is refused with a command for each, as it can be typed."""

import shlex
from pathlib import Path

import pytest

from pipeline.data.reading import DataError, asks_again, read_data


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\xff\xd8\xff")
    return root


def test_each_way_is_said_with_the_command_that_was_typed_changed_for_it(tmp_path: Path) -> None:
    data = write(tmp_path / "my data", *(f"{group}/{c}/1.jpg" for group in "xy" for c in "ab"))
    typed = shlex.join(["python", "-m", "pipeline.run", "--local", "--data", str(data)])
    with pytest.raises(DataError) as doubted:
        read_data(data, ask=asks_again(typed, str(data)))
    why, *lines = str(doubted.value).splitlines()
    assert why == f"the folders of {data} all hold the same folders, a, b; say which is meant:"
    assert lines[::2] == [
        "  2 classes: x, y",
        "  2 classes: a, b, all groups together",
        "  x alone, 2 classes: a, b",
    ]
    assert [line.strip() for line in lines[1::2]] == [
        f"{typed} --set data.layout=class",
        f"{typed} --set data.layout=group/class",
        f"python -m pipeline.run --local --data '{data}/x'",
    ]


@pytest.mark.parametrize("given", ["--data=D", "--data D"])
def test_a_folder_takes_the_place_of_the_one_that_was_typed(given: str, tmp_path: Path) -> None:
    write(tmp_path, *(f"{group}/{c}/1.jpg" for group in "xy" for c in "ab"))
    typed = f"python -m pipeline.run {given} --set data.seed=1"
    with pytest.raises(DataError) as doubted:
        read_data(tmp_path, ask=asks_again(typed, "D"))
    assert str(doubted.value).endswith(
        f"python -m pipeline.run {given.replace('D', str(tmp_path / 'x'))} --set data.seed=1"
    )


def test_the_lines_of_a_run_say_classes_sizes_notes_and_what_is_not_used(tmp_path: Path) -> None:
    names = (f"{split}/class {n}/{split}.jpg" for split in ("train", "test") for n in range(120))
    write(tmp_path, *names, "train/class 1/2.jpg", "extra/1.jpg")
    (tmp_path / "venv").mkdir()
    assert read_data(tmp_path).lines() == [
        "120 classes: class 0, class 1, …; train 121, test 120",
        "no folder gives valid its classes: it is cut out of train",
        "ignored: extra/ (1 picture, neither a class nor a split)",
        "ignored: venv/ (no picture in it)",
    ]


def test_what_is_not_split_yet_says_so(tmp_path: Path) -> None:
    lines = read_data(write(tmp_path, "cat/1.jpg", "dog/1.jpg")).lines()
    assert lines == ["2 classes: cat, dog; 2 pictures, not split yet"]


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_data(tmp_path)
