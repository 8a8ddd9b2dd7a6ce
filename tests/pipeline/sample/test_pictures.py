"""The generated sample: the same every time, and fit for the pipeline."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.sample.__main__ import main
from pipeline.sample.pictures import write_sample
from tests.pipeline.schema.schema_support import document


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_one_folder_a_class_of_small_pictures(tmp_path: Path) -> None:
    names = write_sample(tmp_path / "sample", classes=4, per_class=5)
    paths = sorted((tmp_path / "sample").rglob("*.jpg"))
    assert Counter(path.parent.name for path in paths) == dict.fromkeys(names, 5)
    sizes = {Image.open(path).size for path in paths}
    assert len(sizes) > 10
    assert all(96 <= side <= 160 for size in sizes for side in size)
    assert len(set(contents(tmp_path / "sample").values())) == 20


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sample(tmp_path / name, classes=10, per_class=3, seed=5)
    write_sample(tmp_path / "other", classes=10, per_class=3, seed=6)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_shuffled_labels_move_the_same_pictures_only(tmp_path: Path) -> None:
    write_sample(tmp_path / "true", classes=3, per_class=10)
    write_sample(tmp_path / "shuffled", classes=3, per_class=10, shuffle_labels=True)
    true, shuffled = contents(tmp_path / "true"), contents(tmp_path / "shuffled")
    assert sorted(true.values()) == sorted(shuffled.values())
    assert len(true.keys() & shuffled.keys()) < 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1}, "--classes 1"),
        ({"classes": 99}, "from 2 to 10"),
        ({"per_class": 2}, "--per-class 2"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_impossible_numbers_are_refused(
    tmp_path: Path, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        write_sample(tmp_path / "sample", **arguments)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my pictures"
    assert main([str(folder), "--classes", "2", "--per-class", "3"]) == 0
    output = capsys.readouterr().out
    assert "6 pictures of 2 classes" in output
    assert f"python -m pipeline.run --local --data '{folder}'" in output


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.sample", str(tmp_path / "x"), "--classes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --classes 1: give a number from 2 to 10\n"


def test_what_was_made_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    assert main([str(folder), "--classes", "2", "--per-class", "3", "--json"]) == 0
    found = document("sample", capsys.readouterr().out)
    assert (found["folder"], found["pictures"]) == (str(folder), 6)
