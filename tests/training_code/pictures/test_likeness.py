"""Two pictures are one when one is the other saved again, resized or cut, and never otherwise."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pictures.likeness import COPY, likeness
from preprocessing import decode_square

SIDE = 256


def photograph(seed: int, size: tuple[int, int] = (320, 256)) -> Image.Image:
    """Coloured shapes on a ground with some texture."""
    random = np.random.default_rng(seed)
    ground = random.integers(0, 256, (8, 10, 3), np.uint8)
    picture = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(8):
        x, y, w, h = (int(v) for v in random.integers(0, 200, 4))
        colour = tuple(int(v) for v in random.integers(0, 256, 3))
        draw.ellipse((x, y, x + 20 + w // 2, y + 20 + h // 2), fill=colour)
    return picture


def stored(picture: Image.Image, quality: int = 95) -> np.ndarray:
    """The square that Prepare stores of it."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return decode_square(file.getvalue(), SIDE)


def cut(picture: Image.Image, left: float, top: float, kept: float = 0.9) -> Image.Image:
    width, height = picture.size
    x, y = int(left * width), int(top * height)
    return picture.crop((x, y, x + int(kept * width), y + int(kept * height)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changed",
    [
        lambda picture: stored(picture, quality=60),
        lambda picture: stored(picture.resize((224, 179), Image.Resampling.BICUBIC)),
        lambda picture: stored(cut(picture, 0.05, 0.05)),
        lambda picture: stored(cut(picture, 0.0, 0.0)),
        lambda picture: stored(cut(picture, 0.1, 0.0)),
        lambda picture: stored(cut(picture, 0.01, 0.04, kept=0.95)),
        lambda picture: stored(picture.convert("L").convert("RGB")),
    ],
)
def test_a_changed_picture_is_a_copy(changed, seed: int) -> None:
    picture = photograph(seed)
    one, other = stored(picture), changed(picture)
    assert likeness(one, other) > 2 * COPY
    assert likeness(other, one) == pytest.approx(likeness(one, other))


def test_strangers_are_none_even_on_one_ground() -> None:
    squares = [stored(photograph(seed)) for seed in range(8)]
    for number, one in enumerate(squares):
        assert all(likeness(one, other) < COPY for other in squares[:number])


def striped(seed: int) -> Image.Image:
    """The same stripes each time, and a few discs of its own."""
    random, picture = np.random.default_rng(seed), Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(picture)
    for place in range(-SIDE, SIDE, 40):
        draw.line((0, place, SIDE, place + SIDE // 2), (10, 30, 25), 18)
    for _ in range(2):
        x, y = (int(v) for v in random.integers(0, 200, 2))
        colour = tuple(int(v) for v in random.integers(60, 200, 3))
        draw.ellipse((x, y, x + 56, y + 56), fill=colour)
    return picture


def test_the_same_stripes_do_not_make_strangers_one() -> None:
    squares = [stored(striped(seed)) for seed in range(5)]
    for number, one in enumerate(squares):
        assert all(likeness(one, other) < COPY for other in squares[:number])
        assert likeness(one, stored(striped(number), quality=60)) > COPY


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(255, 255, True), (255, 254, False), (0, 255, False)],
)
def test_pictures_of_one_colour_are_told_by_it(one: int, other: int, same: bool) -> None:
    pair = (np.full((3, SIDE, SIDE), level, np.uint8) for level in (one, other))
    assert (likeness(*pair) >= COPY) is same


def test_a_picture_of_one_colour_is_no_copy_of_a_photograph() -> None:
    plain = np.full((3, SIDE, SIDE), 128, np.uint8)
    assert likeness(plain, stored(photograph(0))) == 0


@pytest.mark.parametrize("side", [8, 40, 500])
def test_squares_of_any_size_are_compared(side: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, side, side), np.uint8)
    other = np.random.default_rng(1).integers(0, 256, (3, side, side), np.uint8)
    assert likeness(picture, picture) == pytest.approx(1)
    assert likeness(picture, other) < COPY
