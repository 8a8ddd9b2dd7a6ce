"""Picture bytes to network input: what is accepted, how it is turned, and that it is torchvision's
geometry."""

import contextlib
from io import BytesIO
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision import transforms

from picture_bounds import MAX_SCANS
from picture_formats import UnusableImage
from preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MAX_FILE_BYTES,
    MAX_PIXELS,
    Preprocessing,
    check_bytes,
    decode_square,
    normalise,
    picture_size,
    to_square,
)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def whole(data: bytes) -> Image.Image:
    """The picture as Pillow alone decodes it: at its size, upright, RGB."""
    return ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_format_is_told_by_its_content(form: str) -> None:
    square = decode_square(encoded(noise(20, 10), form), 8)
    assert (square.dtype, square.shape) == (np.uint8, (3, 8, 8))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "not a JPEG"),
        (encoded(noise(4, 4), "PPM"), "not a JPEG"),
        (encoded(noise(64, 64), "JPEG")[:900], "damaged or cut short"),
        (encoded(noise(64, 64), "PNG")[:900], "damaged or cut short"),
        (encoded(noise(64, 64), "WEBP")[:900], "damaged or cut short"),
    ],
    ids=["empty", "sound", "ppm", "cut jpeg", "cut png", "cut webp"],
)
def test_what_is_no_usable_picture_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableImage, match=reason):
        decode_square(data, 8)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    width, most = 5_000, MAX_PIXELS // 5_000
    assert picture_size(encoded(Image.new("1", (width, most)))) == (width, most)
    bomb = encoded(Image.new("1", (width, most + 1)))
    assert len(bomb) < 100_000
    with pytest.raises(UnusableImage, match=f"{width} x {most + 1} pixels"):
        decode_square(bomb, 8)


def test_a_file_may_be_as_large_as_the_limit_and_no_larger() -> None:
    data = encoded(noise(4, 4)).ljust(MAX_FILE_BYTES, b"\0")
    assert picture_size(data) == (4, 4)
    with pytest.raises(UnusableImage, match="50,000,001 bytes; at most 50,000,000"):
        picture_size(data + b"\0")


STORED = {  # how a camera stores an upright picture under each EXIF orientation
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: np.rot90,
    7: lambda pixels: np.rot90(pixels.swapaxes(0, 1), 2),
    8: lambda pixels: np.rot90(pixels, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_the_exif_orientation_is_applied(
    orientation: int, form: str, options: dict[str, object]
) -> None:
    upright = noise(12, 6)
    pixels = STORED[orientation](np.asarray(upright))
    stored = Image.fromarray(np.ascontiguousarray(pixels))
    exif = Image.Exif()
    exif[0x0112] = orientation
    square = decode_square(encoded(stored, form, exif=exif, **options), 6)
    tolerance = 2 if form == "AVIF" else 0
    np.testing.assert_allclose(square.astype(int), to_square(upright, 6), atol=tolerance)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_make_a_picture_unusable() -> None:
    data = encoded(noise(8, 8), "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert np.array_equal(decode_square(data, 8), to_square(noise(8, 8), 8))


def test_too_little_memory_is_no_fault_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(noise(8, 8))
    monkeypatch.setattr(Image, "open", Mock(side_effect=MemoryError))
    with pytest.raises(MemoryError):
        decode_square(data, 8)


STARTS = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFF\x20\x01\x00\x00WEBPVP8 ",
    b"GIF89a",
    b"BM" + bytes(12) + b"\x28\0\0\0",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"\0\0\0\x20ftypavif",
)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Possibly corrupt EXIF")
@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_refused(data: bytes) -> None:
    for start in STARTS:
        with contextlib.suppress(UnusableImage):
            assert decode_square(start + data, 8).shape == (3, 8, 8)


@given(st.integers(0, 600), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_damaged_picture_is_decoded_or_refused_but_nothing_else(
    place: int, byte: int, form: str
) -> None:
    data = bytearray(encoded(noise(16, 16), form))
    data[place % len(data)] = byte
    for resize in (8, 16):  # decoded smaller, and whole
        try:
            assert decode_square(bytes(data), resize).shape == (3, resize, resize)
        except UnusableImage as error:
            assert str(error)
            assert "\n" not in str(error)


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1, 31, 64, 97]))
@example(1, 1, 31)
@example(1, 4, 64)
@example(400, 100, 97)
@example(80, 80, 64)
@example(65, 64, 64)  # one more than the square: the odd pixel goes to the end
@example(64, 67, 64)  # three more: the odd pixel goes to the start
def test_squares_are_those_of_torchvision(width: int, height: int, resize: int) -> None:
    if max(width, height) > 20 * min(width, height):
        return
    image = noise(width, height)
    usual = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(resize)])(image)
    square = to_square(image, resize)
    assert square.shape == (3, resize, resize) and square.dtype == np.uint8
    difference = np.abs(square.astype(int) - np.asarray(usual).transpose(2, 0, 1))
    assert difference.max() <= 2  # of 255: both passes round


@pytest.mark.parametrize("orientation", [*STORED, 9])  # there is no 9
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_decoded_straight_to_its_square(orientation: int, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for size in ((90, 60), (31, 64), (16, 90)):
        data = encoded(noise(*size).convert(mode), "JPEG", exif=exif)
        for resize in (16, 40):
            usual = to_square(whole(data), resize)
            np.testing.assert_array_equal(decode_square(data, resize), usual)


@pytest.mark.parametrize("orientation", [1, 6, 7])
@pytest.mark.parametrize(("width", "height"), [(192, 128), (128, 200), (402, 300), (403, 256)])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(
    width: int, height: int, orientation: int
) -> None:
    coarse = noise(12, 9).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(coarse, "JPEG", quality=95, exif=exif)
    usual = to_square(whole(data), 32).astype(int)
    difference = np.abs(decode_square(data, 32).astype(int) - usual)
    assert difference.any() == (width % 2 == 0)  # what cannot be divided is decoded whole
    assert difference.mean() < 1
    assert difference.max() <= 8


@pytest.mark.parametrize("form", ["PNG", "WEBP", "MPO"])
def test_other_pictures_become_the_same_squares(form: str) -> None:
    data = encoded(noise(30, 20), form)
    np.testing.assert_array_equal(decode_square(data, 16), to_square(whole(data), 16))


def test_a_header_that_lies_about_its_size_is_left_to_pillow() -> None:
    """Pillow believes the last header, and what it did not measure no other decoder is given."""
    small, large = (encoded(Image.new("RGB", (side, side)), "JPEG") for side in (16, 1_000))
    frame = large[large.index(b"\xff\xc0") :][:19]
    place = small.index(b"\xff\xc0")
    data = small[:place] + frame + small[place:]
    assert picture_size(data) == (16, 16)
    with pytest.raises(UnusableImage, match="broken data stream"):  # in Pillow's own words
        decode_square(data, 8)


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = encoded(noise(16, 16), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    assert decode_square(data, 8).shape == (3, 8, 8)
    with pytest.raises(UnusableImage, match="more than 100 scans"):
        decode_square(data[:start] + data[start:-2] * 100 + data[-2:], 8)


def segment(content: bytes) -> bytes:
    """What a JPEG may hold between its scans, for whoever asks: APP1."""
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content


PROGRESSIVE = encoded(noise(16, 16), "JPEG", progressive=True)
FIRST_SCAN, LAST_SCAN = PROGRESSIVE.index(b"\xff\xda"), PROGRESSIVE.rindex(b"\xff\xda")
SCANS = PROGRESSIVE.count(b"\xff\xda")
MISLEADING = st.sampled_from([b"\xff\xd9", b"\xff\xda", b"\xff\xe1\xff\xff", b"\xff\x00"])
BETWEEN_SCANS = st.one_of(
    st.lists(MISLEADING | st.binary(max_size=20), max_size=5).map(
        lambda all: segment(b"".join(all))
    ),
    st.sampled_from([b"", b"\xff\xff\xff", b"\xff\xd0", b"\xff\x00", b"\xff\x01", b"no marker"]),
)


def with_scans(count: int, between: list[bytes]) -> bytes:
    """A JPEG of so many scans, its last one repeated, with something before each."""
    more = [between[n % len(between)] + PROGRESSIVE[LAST_SCAN:-2] for n in range(count - SCANS)]
    return PROGRESSIVE[:-2] + b"".join(more) + PROGRESSIVE[-2:]


@given(st.lists(BETWEEN_SCANS, min_size=1, max_size=5), st.binary(max_size=50))
def test_scans_are_counted_whatever_is_between_them_and_not_after_the_end(
    between: list[bytes], after: bytes
) -> None:
    after += b"\xff\xda" * 200  # a phone's video behind its picture, say
    plain, full = (with_scans(MAX_SCANS, found) for found in ([b""], between))
    # libjpeg reads over it all
    np.testing.assert_array_equal(decode_square(full + after, 8), decode_square(plain, 8))
    with pytest.raises(UnusableImage, match="more than 100 scans"):
        check_bytes(with_scans(MAX_SCANS + 1, between) + after)


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xd9", b"\xff\xda" * 200], ids=["thumbnail", "scans"]
)
def test_what_a_segment_holds_is_no_part_of_the_picture(content: bytes) -> None:
    data = PROGRESSIVE[:2] + segment(content) + PROGRESSIVE[2:]
    np.testing.assert_array_equal(decode_square(data, 8), decode_square(PROGRESSIVE, 8))


def test_a_scans_own_header_is_not_read_as_markers() -> None:
    """A refining scan uses no table, so libjpeg takes any number for it: FF D9 here."""
    refining = b"\xff\xda\x00\x08\x01\xff\xd9\x00\x00\x10"
    with pytest.raises(UnusableImage, match="more than 100 scans"):
        check_bytes(PROGRESSIVE[:FIRST_SCAN] + refining * 101 + b"\xff\xd9")


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xd8",
        b"\xff\x02\xff\xff",
        b"\xff\xf0\xff\xff",
        b"\xff\xc8\xff\xff",
        b"\xff\xe1\x00\x01\xff\xe1",
        b"\xff\xe1\xff\xff",
        b"\xff\xda\x00\x00",
        segment(b"") * 20_000,
    ],
    ids=lambda damage: damage[:6].hex(),
)
def test_damage_hides_no_scans(damage: bytes) -> None:
    for place in (2, FIRST_SCAN, LAST_SCAN):
        with pytest.raises(UnusableImage, match="more than 100 scans"):
            check_bytes(PROGRESSIVE[:place] + damage + b"\xff\xda\x00\x02" * 101 + b"\xff\xd9")


def accepts(data: bytes) -> bool:
    try:
        check_bytes(data)
    except UnusableImage:
        return False
    return True


@given(st.lists(st.sampled_from([b"\xff", b"\xda", b"\x00", b"\xe0", b"\x02", b"\xd9"])))
def test_no_markers_are_too_odd_to_be_read(parts: list[bytes]) -> None:
    assert accepts((b"\xff\xd8\xff" + b"".join(parts))[:200])  # too short for 101 scans


def test_the_size_is_known_before_anything_is_decoded() -> None:
    assert picture_size(encoded(noise(64, 48), "JPEG")[:700]) == (64, 48)
    with pytest.raises(UnusableImage, match="empty"):
        picture_size(b"")


def test_a_very_long_picture_costs_no_more_than_its_square() -> None:
    assert to_square(Image.new("RGB", (1_000_000, 1), "red"), 256).shape == (3, 256, 256)


@pytest.mark.parametrize(("resize", "crop"), [(256, 224), (64, 64), (65, 34), (33, 20)])
def test_normalise_is_torchvisions_crop_and_normalisation(resize: int, crop: int) -> None:
    batch = torch.randint(0, 256, (2, 3, resize, resize), dtype=torch.uint8)
    before = batch.clone()
    preprocessing = Preprocessing(resize, crop, IMAGENET_MEAN, IMAGENET_STD)
    usual = transforms.Compose(
        [
            transforms.CenterCrop(crop),
            transforms.ConvertImageDtype(torch.float),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    found = normalise(batch, preprocessing)
    torch.testing.assert_close(found, usual(batch))
    assert np.array_equal(normalise(batch.numpy(), preprocessing), found.numpy())
    assert torch.equal(batch, before)


def test_preprocessing_survives_being_stored() -> None:
    preprocessing = Preprocessing(256, 224, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing


@pytest.mark.parametrize(
    "change", [{"crop": 300}, {"crop": 0}, {"std": [1, 0, 1]}, {"mean": [1, 2]}, {"mean": None}]
)
def test_impossible_preprocessing_is_refused(change: dict[str, object]) -> None:
    values = Preprocessing(256, 224, IMAGENET_MEAN, IMAGENET_STD).to_dict()
    with pytest.raises(ValueError, match=r"preprocessing|crop|mean"):
        Preprocessing.from_dict(values | change)


def test_incomplete_preprocessing_is_refused() -> None:
    with pytest.raises(ValueError, match="resize"):
        Preprocessing.from_dict({"mean": IMAGENET_MEAN, "std": IMAGENET_STD})
