"""People edit the file of decisions; what they decided is in it after every review."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.report.sources.review import Copied, Picture, Review, Suspect, Unlike
from pipeline.review.decisions_file import (
    DecisionsFile,
    Row,
    merged,
    read_file,
    rows_of,
    write_file,
)
from training_code.decisions import read_decisions

DOUBTFUL, COPY, STRANGE, OTHER = (
    Picture(f"cat/{name};é.jpg", "train", "cat", name * 32) for name in ("1a", "2b", "3c", "4d")
)
REVIEW = Review(
    pictures=9,
    classes=("cat", "dog"),
    suspects=(Suspect(DOUBTFUL, "dog", 99.0),),
    doubtful=(Suspect(STRANGE, "dog", 0.25),),
    copies=(Copied(COPY, OTHER, 0.9), Copied(DOUBTFUL, OTHER, 0.5)),
    unlike=(Unlike(STRANGE, 0.1),),
    mixing=(),
    notes=(),
)


def test_a_picture_has_one_row_with_all_the_reasons() -> None:
    rows = rows_of(REVIEW)
    assert [row.content for row in rows] == [DOUBTFUL.content, COPY.content, STRANGE.content]
    assert rows[0].new_class == "dog"
    assert rows[0].why == "probably rather dog; nearly the same as cat/4d;é.jpg (train, cat)"
    assert rows[2].why == "unlike all others; perhaps rather dog"
    assert not any(row.decision for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_is_written_is_read_back_and_is_what_prepare_reads(
    tmp_path: Path, delimiter: str
) -> None:
    path = tmp_path / "d.csv"
    file = merged(DecisionsFile(delimiter=delimiter), REVIEW)
    file = file.deciding(DOUBTFUL.content, "relabel").deciding(COPY.content, "remove")
    write_file(path, file)
    assert read_file(path) == file
    assert file.decided() == 2
    read = read_decisions(path.read_bytes(), "d.csv")
    assert [one.words for one in read] == ["relabel dog", "remove"]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("'=+-@,;\""))


@settings(max_examples=30)  # each is written to the disk
@given(NAMES.map(str.strip).filter(bool), NAMES.map(str.strip), st.sampled_from(",;\t"))
def test_every_name_comes_back_from_the_file(name: str, other: str, delimiter: str) -> None:
    row = Row(DOUBTFUL.content, "relabel", name, other, name, other, "train")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "d.csv"
        write_file(path, DecisionsFile((row,), delimiter))
        assert read_file(path).rows == (row,)
        assert read_decisions(path.read_bytes(), "d.csv")[0].new_class == name


def test_a_new_review_keeps_what_was_decided_and_drops_what_was_not() -> None:
    file = merged(DecisionsFile(), REVIEW).deciding(COPY.content, "remove")
    after = replace(
        REVIEW, copies=(), unlike=(), suspects=(), doubtful=(Suspect(OTHER, "dog", 0.5),)
    )
    assert [(row.content, row.decision) for row in merged(file, after).rows] == [
        (OTHER.content, ""),
        (COPY.content, "remove"),
    ]


def test_a_decision_can_be_taken_back_and_made_of_any_picture() -> None:
    file = DecisionsFile().deciding(OTHER.content, "relabel", "dog")
    assert file.rows == (Row(OTHER.content, "relabel", "dog"),)
    assert file.deciding(OTHER.content, "").decided() == 0


def test_a_file_that_is_not_there_has_no_rows_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    assert read_file(path) == DecisionsFile()
    path.write_text("what,ever\n")
    with pytest.raises(UsageError, match="no column decision"):
        read_file(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_file(tmp_path)
