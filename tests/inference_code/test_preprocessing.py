"""Picture bytes to network input: what is accepted, how it is turned, and that it is torchvision's
geometry."""

from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MAX_PIXELS,
    Preprocessing,
    UnusableImage,
    decode_image,
    normalise,
    to_square,
)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_format_is_told_by_its_content(form: str) -> None:
    image = decode_image(encoded(noise(20, 10), form))
    assert (image.mode, image.size) == ("RGB", (20, 10))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "not a JPEG, PNG or WebP"),
        (encoded(noise(4, 4), "GIF"), "not a JPEG, PNG or WebP"),
        (encoded(noise(64, 64), "JPEG")[:900], "damaged or cut short"),
        (encoded(noise(64, 64), "PNG")[:900], "damaged or cut short"),
        (encoded(noise(64, 64), "WEBP")[:900], "damaged or cut short"),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "cut webp"],
)
def test_what_is_no_usable_picture_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableImage, match=reason):
        decode_image(data)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    bomb = encoded(Image.new("1", (side, side)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(UnusableImage, match=f"{side} x {side} pixels"):
        decode_image(bomb)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_animation_is_refused(form: str) -> None:
    data = encoded(noise(8, 8), form, save_all=True, append_images=[noise(8, 8, 1)])
    with pytest.raises(UnusableImage, match="animation"):
        decode_image(data)


def test_the_first_picture_of_a_multi_picture_jpeg_is_used() -> None:
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    image = decode_image(encoded(first, "MPO", save_all=True, append_images=[second]))
    red, _, blue = np.asarray(image).mean((0, 1))
    assert red > 200 and blue < 50


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
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.asarray(noise(12, 6))
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(np.asarray(decode_image(encoded(stored, exif=exif))), upright)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_make_a_picture_unusable() -> None:
    data = encoded(noise(8, 8), "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert decode_image(data).size == (8, 8)


GREY = Image.new("RGB", (5, 5), (40, 40, 40))


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        GREY.convert("L"),
        GREY.convert("LA"),
        GREY.convert("RGBA"),
        GREY.quantize(2),
        Image.new("I;16", (5, 5), 40 * 256 + 255),
        Image.new("RGBA", (5, 5), (40, 40, 40, 0)),
    ],
    ids=["RGB", "L", "LA", "RGBA", "palette", "16 bit", "transparent"],
)
def test_every_kind_of_png_becomes_rgb_of_the_same_brightness(image: Image.Image) -> None:
    assert np.array_equal(np.asarray(decode_image(encoded(image))), np.asarray(GREY))


def test_cmyk_jpegs_become_rgb() -> None:
    image = decode_image(encoded(noise(16, 16).convert("CMYK"), "JPEG"))
    assert (image.mode, image.size) == ("RGB", (16, 16))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_refused(data: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\x01\x00\x00WEBPVP8 "):
        with pytest.raises(UnusableImage):
            decode_image(start + data)


@given(st.integers(0, 600), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_damaged_picture_is_decoded_or_refused_but_nothing_else(
    place: int, byte: int, form: str
) -> None:
    data = bytearray(encoded(noise(16, 16), form))
    data[place % len(data)] = byte
    try:
        assert decode_image(bytes(data)).mode == "RGB"
    except UnusableImage as error:
        assert str(error)


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1, 31, 64, 97]))
def test_squares_are_those_of_torchvision(width: int, height: int, resize: int) -> None:
    if max(width, height) > 20 * min(width, height):
        return
    image = noise(width, height)
    usual = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(resize)])(image)
    square = to_square(image, resize)
    assert square.shape == (3, resize, resize) and square.dtype == np.uint8
    assert np.abs(square.astype(int) - np.asarray(usual).transpose(2, 0, 1)).max() <= 1


def test_a_very_long_picture_costs_no_more_than_its_square() -> None:
    assert to_square(Image.new("RGB", (1_000_000, 1), "red"), 256).shape == (3, 256, 256)


@pytest.mark.parametrize(("resize", "crop"), [(256, 224), (64, 64), (65, 32), (33, 20)])
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
    torch.testing.assert_close(normalise(batch, preprocessing), usual(batch))
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
