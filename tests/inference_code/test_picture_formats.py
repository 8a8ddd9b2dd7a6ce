"""Every row of the table says what Pillow says, so that a new one is tested as it stands."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from picture_formats import FORMATS, PictureFormat, format_named, format_of


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_is_as_pillow_knows_the_format(row: PictureFormat) -> None:
    written = BytesIO()
    Image.new("RGB", (8, 8)).save(written, row.name)
    assert format_of(written.getvalue()) is row
    assert row.mime_type == Image.MIME[row.name.upper()]
    for suffix in row.suffixes:
        assert Image.registered_extensions()[suffix] == row.name.upper()
        assert format_named(Path(f"x{suffix.upper()}")) is row
