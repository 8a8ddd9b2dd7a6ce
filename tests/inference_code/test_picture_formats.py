"""Every row of the table says what Pillow says, so that a new one is tested as it stands."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import AvifImagePlugin, Image

import preprocessing
from picture_formats import FORMATS, PictureFormat, UnusableImage, format_named, format_of


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_is_as_pillow_knows_the_format(row: PictureFormat) -> None:
    written = BytesIO()
    Image.new("RGB", (8, 8)).save(written, row.name)
    assert format_of(written.getvalue()) is row
    assert row.mime_type == Image.MIME[row.name.upper()]
    for suffix in row.suffixes:
        assert Image.registered_extensions()[suffix] == row.name.upper()
        assert format_named(Path(f"x{suffix.upper()}")) is row


def test_a_format_that_this_pillow_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    Image.new("RGB", (8, 8)).save(written, "AVIF")
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    monkeypatch.setattr(preprocessing.features, "check", lambda name: name != "avif")
    with pytest.warns(UserWarning), pytest.raises(UnusableImage, match="AVIF, which this Pillow"):
        preprocessing.decode_square(written.getvalue(), 8)
