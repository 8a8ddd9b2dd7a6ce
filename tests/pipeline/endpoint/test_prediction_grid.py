"""The picture that shows pictures with their answers."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.endpoint import prediction_grid
from pipeline.endpoint.prediction_grid import MAXIMUM_PICTURES, check_grid, write_grid
from pipeline.endpoint.predictions import Prediction
from pipeline.errors import PipelineError, UsageError
from pipeline.explanations import Explanation, LooksLike


def _picture(colour: str, size: tuple[int, int] = (300, 200), orientation: int = 1) -> bytes:
    """Left half in one colour, right half white."""
    image = Image.new("RGB", size, "white")
    image.paste(colour, (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def _counts(path: Path) -> dict[tuple[int, ...], int]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(map(int, c)): int(n) for c, n in zip(colours, counts, strict=True)}


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".webp"])
def test_every_picture_is_shown_in_the_kind_that_the_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"grid{suffix}"
    pictures = {f"{n}.png": _picture("red") for n in range(7)}
    size = write_grid(path, [Prediction(file, (("a", 0.5),)) for file in pictures], pictures)
    with Image.open(path) as image:
        assert image.size == size
        assert image.format == {".png": "PNG", ".JPG": "JPEG", ".webp": "WEBP"}[suffix]


def test_each_picture_has_its_place_its_colours_and_its_bars_and_a_refusal_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "grid.png"
    pictures = {"red.png": _picture("red"), "blue.png": _picture("blue"), "no.txt": b"no picture"}
    results = [
        Prediction("red.png", (("a" * 300, 1.0), ("Жук\n<b>", 0.0))),
        Prediction("blue.png", (("b", 0.25),)),
        Prediction("no.txt", error="cannot be used " * 40, status=422),
    ]
    write_grid(path, results, pictures)
    counts = _counts(path)
    for colour in ((255, 0, 0), (0, 0, 255)):
        assert counts[colour] == pytest.approx(130 * 173, rel=0.05)
    assert counts[9, 105, 218] == 3 * (261 + 66)  # bars of 100 % and 25 %, a pixel more each
    with Image.open(path) as image:
        pixels = np.asarray(image)
    red, blue = (np.argwhere((pixels == one).all(axis=2))[0] for one in [(255, 0, 0), (0, 0, 255)])
    assert (blue - red).tolist() == [0, 280]  # side by side
    assert (pixels[:, 281:300] == 255).all()  # no text runs over the gap between them


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    picture = {"x.png": _picture("red", (300, 150), orientation=6)}  # 6: a quarter turn clockwise
    write_grid(path, [Prediction("x.png", (("a", 0.5),))], picture)
    with Image.open(path) as image:
        red = np.argwhere((np.asarray(image) == (255, 0, 0)).all(axis=2))
    rows, columns = np.ptp(red, axis=0) + 1
    assert (rows, columns) == pytest.approx((130, 130), abs=2)


def test_what_is_transparent_is_white_as_the_model_sees_it(tmp_path: Path) -> None:
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    image.paste("red", (0, 0, 150, 200))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    counts = []
    for name, picture in (("clear.png", buffer.getvalue()), ("white.png", _picture("red"))):
        write_grid(tmp_path / name, [Prediction("x", (("a", 0.5),))], {"x": picture})
        counts.append(_counts(tmp_path / name))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_neither_black_nor_white(tmp_path: Path, form: str) -> None:
    pixels = np.full((200, 300), 4000, np.uint16)
    pixels[:, :150] = 2000
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    write_grid(tmp_path / "grid.png", [Prediction("x", (("a", 0.5),))], {"x": buffer.getvalue()})
    assert _counts(tmp_path / "grid.png")[127, 127, 127] == pytest.approx(130 * 173, rel=0.05)


@pytest.mark.parametrize(("most", "is_shown"), [(300 * 200, True), (300 * 200 - 1, False)])
def test_a_picture_of_too_many_pixels_has_an_empty_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, is_shown: bool
) -> None:
    monkeypatch.setattr(prediction_grid, "_MAXIMUM_PIXELS", most)
    path = tmp_path / "grid.png"
    write_grid(path, [Prediction("x.png", (("a", 0.5),))], {"x.png": _picture("red")})
    assert ((255, 0, 0) in _counts(path)) == is_shown


@pytest.mark.parametrize(
    ("name", "pictures", "message"),
    [
        ("grid.txt", 1, "the suffix must be that of a JPEG"),
        ("grid", 1, "the suffix must be that of a JPEG"),
        ("nowhere/grid.png", 1, "there is no folder"),
        ("grid.png", MAXIMUM_PICTURES + 1, "at most 400 pictures, not 401"),
    ],
)
def test_what_cannot_be_saved_is_said_first(
    tmp_path: Path, name: str, pictures: int, message: str
) -> None:
    check_grid(tmp_path / "grid.png", MAXIMUM_PICTURES)
    with pytest.raises(UsageError, match=message):
        check_grid(tmp_path / name, pictures)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "grid.png").mkdir()
    with pytest.raises(PipelineError, match=r"grid\.png cannot be written"):
        write_grid(tmp_path / "grid.png", [Prediction("x", (("a", 1.0),))], {"x": _picture("red")})


def _heat(corner: str = "left") -> bytes:
    """Opaque green over one half of the picture, nothing over the other."""
    image, buffer = Image.new("RGBA", (30, 20)), BytesIO()
    image.paste((0, 200, 0, 255), (0, 0, 15, 20) if corner == "left" else (15, 0, 30, 20))
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_that_is_explained_is_drawn_again_with_where_the_answer_looks(
    tmp_path: Path,
) -> None:
    path, pictures = tmp_path / "heat.png", {"red.png": _picture("red", orientation=6)}
    why = Explanation(_heat(), (LooksLike("red/Жук.jpg", "ab" * 32, "red", 0.93),))
    size = write_grid(path, [Prediction("red.png", (("red", 0.9),), explanation=why)], pictures)
    counts = _counts(path)
    assert counts[0, 200, 0] == pytest.approx(260 * 173 / 2, rel=0.05)
    assert counts[255, 0, 0] == pytest.approx(1.5 * 260 * 173 / 2, rel=0.05)
    assert size[0] > 2 * 260


@pytest.mark.parametrize("heat", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_map_that_is_no_picture_leaves_its_place_empty(tmp_path: Path, heat: bytes) -> None:
    result = Prediction("red.png", (("red", 0.9),), explanation=Explanation(heat, ()))
    write_grid(tmp_path / "heat.png", [result], {"red.png": _picture("red")})
    assert _counts(tmp_path / "heat.png")[246, 248, 250] > 260 * 200
