"""Files that would cost far more than they hold are refused, and damaged ones do no harm."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from picture_formats import UnusableImage
from preprocessing import decode_square, decode_with_notes, picture_size
from tests.inference_code.costly_files import COSTLY, GIF, exif_bomb
from tests.inference_code.picture_table import (
    COLOUR_PNG,
    RED,
    RGB,
    SIDE,
    TABLE,
    encoded,
    png,
)
from tests.inference_code.tiff_files import IN_RGB, tiff


@pytest.mark.parametrize("name", COSTLY)
def test_what_would_cost_too_much_is_refused(name: str) -> None:
    data, reason = COSTLY[name]
    with pytest.raises(UnusableImage, match=reason):
        decode_square(data, SIDE)


@pytest.mark.parametrize(
    "data",
    [
        png(RGB, COLOUR_PNG, {b"eXIf": exif_bomb()}),
        png(
            RGB,
            COLOUR_PNG,
            {
                b"zTXt": b"Raw profile type exif\0\0"
                + zlib.compress(b"\nexif\n99\n" + exif_bomb().hex().encode())
            },
        ),
        encoded(RGB, "WEBP", lossless=True, exif=b"Exif\0\0" + exif_bomb()),
        encoded(RGB, "AVIF", quality=100, exif=b"Exif\0\0" + exif_bomb()),
    ],
    ids=["png", "png, as text", "webp", "avif"],
)
@pytest.mark.filterwarnings("ignore:Possibly corrupt EXIF", "ignore:Corrupt EXIF")
def test_exif_takes_no_more_memory_than_it_has_bytes(data: bytes) -> None:
    tracemalloc.start()
    try:
        square = decode_square(data, SIDE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(square[:, 0, 0], RED, atol=3)
    assert peak < 10_000_000


def test_a_gifs_comments_and_later_pictures_are_not_read() -> None:
    comment = b"\x21\xfe" + b"\xff" + b"a" * 255
    start = GIF.index(b"\x2c")
    data = (
        GIF[:start] + (comment + b"\0") * 9_000 + GIF[start:-1] + b"\x21\xf9\4\0\0\0\0\0" + b"\x2c"
    )
    square, notes = decode_with_notes(data, SIDE)
    np.testing.assert_array_equal(square, decode_square(GIF, SIDE))
    assert notes == TABLE["gif, animation"].notes


def test_the_first_of_many_pages_is_all_that_is_read() -> None:
    page = tiff(RGB, IN_RGB)
    after = 8 + 2 + 12 * struct.unpack_from("<H", page, 8)[0]
    chained = page[:after] + struct.pack("<L", len(page)) + page[after + 4 :] + b"no directory"
    square, notes = decode_with_notes(chained, SIDE)
    np.testing.assert_array_equal(square, decode_square(page, SIDE))
    assert notes == TABLE["tiff, two pages"].notes


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "AVIF"])
def test_the_size_is_known_from_the_header(form: str) -> None:
    assert picture_size(encoded(Image.new("RGB", (64, 48)), form)) == (64, 48)


def outcome(data: bytes, resize: int) -> str:
    try:
        assert decode_square(data, resize).shape == (3, resize, resize)
    except UnusableImage as error:
        return str(error)
    return "decoded"


DAMAGED = st.sampled_from(sorted(TABLE))


@settings(deadline=None)
@pytest.mark.filterwarnings("ignore")
@given(DAMAGED, st.integers(0, 2_000), st.binary(min_size=1, max_size=4))
def test_damage_ends_in_a_picture_or_in_a_reason(name: str, place: int, bytes_: bytes) -> None:
    data = bytearray(TABLE[name].data)
    place %= len(data)
    data[place : place + len(bytes_)] = bytes_
    assert (told := outcome(bytes(data), SIDE)) and "\n" not in told


@settings(deadline=None)
@pytest.mark.filterwarnings("ignore")
@given(DAMAGED, st.integers(0, 2_000))
def test_what_is_cut_short_ends_in_a_picture_or_in_a_reason(name: str, place: int) -> None:
    data = TABLE[name].data
    assert (told := outcome(data[: place % len(data)], SIDE)) and "\n" not in told
