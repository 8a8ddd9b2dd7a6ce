"""Single pictures of a prepared split, by row."""

import io

import pytest
from PIL import Image

from pipeline.report.sources.facts import Facts, read_facts
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.sources.pictures import open_squares, picture_reader, read_files, read_square
from tests.pipeline.report.report_support import FILES, SIDE, Finished


@pytest.fixture
def source(finished: Finished) -> LocalSource:
    return LocalSource(finished.store)


@pytest.fixture
def facts(source: LocalSource, finished: Finished) -> Facts:
    return read_facts(source, finished.arn)


def grey_of(jpeg: bytes) -> tuple[tuple[int, int], int]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.size, round(picture.convert("L").resize((1, 1)).getpixel((0, 0)) / 30)


def test_a_row_is_its_picture_at_its_own_size_or_smaller(source: LocalSource, facts: Facts) -> None:
    squares = open_squares(source, facts, "test")
    assert squares.count == len(FILES) == len(read_files(source, facts, "test"))
    assert grey_of(read_square(source, squares, 5)) == ((SIDE, SIDE), 5)
    assert grey_of(read_square(source, squares, 3, side=8)) == ((8, 8), 3)


@pytest.mark.parametrize("row", [-1, len(FILES), 10**18])
def test_a_row_that_is_not_there_reads_nothing(source: LocalSource, facts: Facts, row: int) -> None:
    with pytest.raises(LookupError):
        read_square(source, open_squares(source, facts, "test"), row)


def test_a_picture_by_its_name_is_none_where_none_is_called_so(
    source: LocalSource, facts: Facts
) -> None:
    read = picture_reader(source, facts)
    found = read(FILES[7])
    assert found is not None and grey_of(found)[1] == 7
    assert read("../state.db") is None
