"""The CSV file of answers, written, cut off, and gone on with."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.endpoint.batch.answers import open_answers
from pipeline.endpoint.predictions import Prediction
from pipeline.errors import UsageError

GOOD = Prediction("a.jpg", (("cat", 0.75), ("dog", 0.25)))
ODD = Prediction('b,"\n é\udcff.jpg', (("cat", 1.0),))
STRANGE = Prediction("car.jpg", (("cat", 0.9),), known=False, score=31.25)
BAD = Prediction("c.jpg", error="it is empty", status=422)

CLASSES = ["file", "label", "probability", "label_2", "probability_2"]


def write(path: Path, *results: Prediction, model: str | None = "m-1", top: int = 2) -> None:
    with open_answers(path, top, model) as answers:
        answers.add(results)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.csv"


def test_a_row_a_picture(path: Path) -> None:
    write(path, GOOD, ODD, BAD)
    assert rows(path) == [
        [*CLASSES, "known", "score", "error", "model"],
        ["a.jpg", "cat", "0.75", "dog", "0.25", "", "", "", "m-1"],
        [ODD.file, "cat", "1.0", "", "", "", "", "", "m-1"],
        ["c.jpg", "", "", "", "", "", "", "422: it is empty", "m-1"],
    ]


def test_pictures_of_no_class_are_told_and_counted_with_those_of_before(path: Path) -> None:
    write(path, STRANGE, replace(GOOD, known=True, score=-2.5))
    assert [row[5:7] for row in rows(path)[1:]] == [["false", "31.25"], ["true", "-2.5"]]
    with open_answers(path, 2, "m-1") as answers:
        assert answers.unknown == 1
        answers.add([replace(STRANGE, file="van.jpg"), ODD, BAD])
        assert answers.unknown == 2


def test_a_later_call_goes_on_and_asks_again_about_errors(path: Path) -> None:
    write(path, GOOD, BAD)
    with open_answers(path, 2, "m-1") as answers:
        assert answers.done == {"a.jpg"}
        answers.add([ODD])
    assert [row[0] for row in rows(path)] == ["file", "a.jpg", ODD.file]


def test_names_that_a_spreadsheet_would_compute_are_text_and_known_again(path: Path) -> None:
    formula = Prediction("=cmd|x.jpg", (("@cat", 0.75), ("'-dog", 0.25)))
    write(path, formula)
    with open_answers(path, 2, "m-1") as answers:
        assert answers.done == {"=cmd|x.jpg"}
    assert rows(path)[1][:4] == ["'=cmd|x.jpg", "'@cat", "0.75", "''-dog"]


def test_rows_that_a_kill_cut_off_are_dropped(path: Path) -> None:
    write(path, GOOD)
    whole = path.read_bytes()
    write(path, ODD)
    both = path.read_bytes()
    for end in range(len(both) + 1):
        path.write_bytes(both[:end])
        with open_answers(path, 2, "m-1") as answers:
            expected = {"a.jpg"} if end >= len(whole) else set()
            assert answers.done == expected | ({ODD.file} if end == len(both) else set())


@pytest.mark.parametrize("age", [-1, 1_000_000])
def test_a_picture_that_changed_since_is_asked_about_again(
    path: Path, tmp_path: Path, age: int
) -> None:
    """Also one that came in its place with an older time, as `cp -p` and archives leave it."""
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"x")
    write(path, Prediction(str(picture), (("cat", 1.0),)))
    written = path.stat().st_mtime - 1
    os.utime(path, (written, written))
    picture.write_bytes(b"y")
    os.utime(picture, (written - age, written - age))
    with open_answers(path, 2, "m-1") as answers:
        assert answers.done == frozenset()


@pytest.mark.parametrize(
    ("top", "model", "message"),
    [
        (2, "m-2", "has answers of m-1; now m-2 would answer"),
        (2, None, "may be another"),
        (3, "m-1", "--top"),
    ],
)
def test_another_model_or_form_is_refused(
    path: Path, top: int, model: str | None, message: str
) -> None:
    write(path, GOOD)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=message):
        write(path, ODD, top=top, model=model)
    assert path.read_bytes() == before


def test_a_file_that_an_earlier_version_began_is_refused_as_such(path: Path) -> None:
    text = f"{','.join(CLASSES)},error,model\na.jpg,cat,0.75,dog,0.25,,m-1\n"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"begun by an earlier version.*\(known, score\)"):
        write(path, ODD)
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["name,age\nJo,3\n", "hello\n", "hello", '"open\n', "a\n" * 9])
def test_a_file_of_somebody_else_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(UsageError):
        write(path, GOOD)
    assert path.read_text() == text


def test_a_device_is_refused_and_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no regular file"):
        write(Path("/dev/null"), GOOD)
    (tmp_path / "link.csv").symlink_to(path)
    write(tmp_path / "link.csv", GOOD)
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows(path)) == 2


def test_a_model_without_a_name_writes_a_new_file(path: Path) -> None:
    write(path, GOOD, model=None)
    assert rows(path)[1][-1] == ""


def test_two_commands_do_not_write_one_file(path: Path) -> None:
    with open_answers(path, 2, "m-1") as answers:
        answers.add([GOOD])
        with pytest.raises(UsageError, match="another command"):
            write(path, ODD)
    assert len(rows(path)) == 2
