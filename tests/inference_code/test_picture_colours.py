"""What each picture of the table looks like, and what is said of it."""

import numpy as np
import pytest

from picture_formats import UnusableImage
from preprocessing import decode_with_notes
from tests.inference_code.picture_table import REFUSED, SIDE, TABLE, Array, Colour


def assert_is(pixels: Array, colour: Colour, tolerance: int) -> None:
    expected = np.broadcast_to(np.reshape(colour, (3, 1, 1)), pixels.shape)
    np.testing.assert_allclose(pixels.astype(int), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", TABLE)
def test_ground_and_shape_have_their_colours(name: str) -> None:
    shown = TABLE[name]
    square, notes = decode_with_notes(shown.data, SIDE)
    assert_is(square[..., :3], shown.ground, shown.tolerance)
    assert_is(square[..., -3:], shown.shape, shown.tolerance)
    assert notes == shown.notes


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_guessed_wrong_is_refused_with_what_helps(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(UnusableImage, match=reason):
        decode_with_notes(data, SIDE)
