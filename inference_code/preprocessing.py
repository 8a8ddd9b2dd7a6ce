"""Turn picture bytes into network input: the one place for it, in training and in serving.

Prepare stores `decode_square(data, resize)`; training and evaluation read that, serving makes it
again, and all then apply `normalise`. What is decided here holds for all of them:

- Only the formats of picture_formats.py, told by content, never by the name; the pixel count is
  read from the header before anything is decoded, and what picture_bounds.py refuses never is.
- Of an animation, of several pages and of a camera's multi-picture JPEG (MPO) the first is used.
- The EXIF orientation is applied. Colours become RGB on white, with 8 bits each, as
  picture_colours.py says.
- Geometry is torchvision's `Resize(resize)` (bilinear, antialiased) and `CenterCrop`, to two
  levels of 255, by Pillow alone: a server without PyTorch sees what training saw, to the bit.
- A JPEG at least 4 times as large as asked for is decoded at 1/2, 1/4 or 1/8 of its size by
  libjpeg itself, still at least twice as large as asked for, where its sides can be divided so.
  Measured on photographs: 0.7 levels of 255 from the whole picture, at a tenth of the time.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError, features

from picture_bounds import MAX_EXIF_BYTES, check_structure, exif_fits
from picture_colours import to_rgb
from picture_formats import PictureFormat, UnusableImage, format_of, refusal
from picture_notes import Note, Notes
from picture_parts import first_picture, without_exif

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

MAX_FILE_BYTES = 50_000_000
MAX_PIXELS = 70_000_000  # cameras of 61 and telephones of 64 million are common
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_ORIENTATION_TAG = 0x0112
_OF_SEVERAL = ("PNG", "WebP", "TIFF", "AVIF")  # Pillow says of these whether more pictures follow
_OPTIONAL = ("WebP", "AVIF")  # a Pillow may be built without them
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Preprocessing:
    """How pictures reach the network; stored in the model and read back when serving.

    `resize` is the side of the stored square and `crop` that of the square the network sees,
    both in pixels; `mean` and `std` are per channel (RGB) on a scale of 0 to 1.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise ValueError(f"crop must be from 1 to resize ({self.resize}), not {self.crop}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std need 3 values each, and every std must be above 0")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `from_dict` reads them back."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Read what `to_dict` wrote; raises ValueError when something is missing or misfits."""
        try:
            mean, std = ([float(value) for value in values[key]] for key in ("mean", "std"))
            resize, crop = int(values["resize"]), int(values["crop"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"preprocessing is incomplete: {error}") from error
        if len(mean) != 3 or len(std) != 3:
            raise ValueError("preprocessing needs 3 values for mean and 3 for std")
        return cls(resize, crop, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


@dataclass(frozen=True)
class Seen:
    """The part of an upright picture, `width` x `height`, that the network sees, in its pixels."""

    width: int
    height: int
    left: float
    top: float
    right: float
    bottom: float


def check_bytes(data: bytes) -> PictureFormat:
    """Return a file's format; raise UnusableImage for one that is refused undecoded."""
    if not data:
        raise UnusableImage("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise UnusableImage(f"{len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")
    if (found := format_of(data)) is None:
        raise UnusableImage(refusal(data))
    check_structure(data, found.name)
    return found


def picture_size(data: bytes) -> tuple[int, int]:
    """Read the stored width and height from the header; raises UnusableImage, also if too large."""
    with _opened(data) as (image, _):
        return image.size


def decode_square(data: bytes, resize: int) -> Pixels:
    """Decode the upright centre of the picture in `data`: uint8 (3, resize, resize), RGB.

    Raises UnusableImage with the reason. May be called from several threads at once.
    """
    return decode_with_notes(data, resize)[0]


def decode_with_notes(data: bytes, resize: int) -> tuple[Pixels, Notes]:
    """Do what `decode_square` does, and return what its owner may not expect as well."""
    square, _size, notes = _decode(data, resize)
    return square, notes


def decode_seen(data: bytes, preprocessing: Preprocessing) -> tuple[Pixels, Seen]:
    """Do what `decode_square` does, and return which part of the picture the network sees."""
    square, size, _notes = _decode(data, preprocessing.resize)
    return square, seen_part(size, preprocessing)


def seen_part(size: tuple[int, int], preprocessing: Preprocessing) -> Seen:
    """Return which part of an upright picture of this width and height the network sees."""
    spans = []
    first = round((preprocessing.resize - preprocessing.crop) / 2)
    for side in size:
        start, end = _crop_span(side, min(size), preprocessing.resize)
        scale = (end - start) / preprocessing.resize
        spans.append((start + first * scale, start + (first + preprocessing.crop) * scale))
    (left, right), (top, bottom) = spans
    return Seen(*size, left, top, right, bottom)


def _decode(data: bytes, resize: int) -> tuple[Pixels, tuple[int, int], Notes]:
    """Return a picture's square, its width and height upright, as decoded, and its notes."""
    with _opened(data) as (image, notes):
        scale = _decode_scale(image, resize)
        if scale > 1:
            image.draft(None, (image.width // scale, image.height // scale))
        flat, more = to_rgb(image, data)
        upright = _upright(flat, _orientation(image))
        return to_square(upright, resize), upright.size, notes + more


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[tuple[Image.Image, Notes]]:
    """Open a picture and check its header; errors of decoding it become UnusableImage."""
    found, several = check_bytes(data), False
    if found.name == "GIF":
        data, several = first_picture(data)
    elif found.name == "AVIF":
        data = without_exif(data)
    try:
        with Image.open(BytesIO(data), formats=[found.name]) as image:
            _check_size(image)
            if found.name in _OF_SEVERAL:
                several = getattr(image, "is_animated", False)
            yield image, (Note.FIRST_PICTURE,) if several else ()
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage(_unidentified(found.name)) from error
    except Image.DecompressionBombError as error:
        raise UnusableImage(f"too many pixels; at most {MAX_PIXELS:,} are decoded") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders fail in many ways on damaged bytes
        reason = str(error).partition("\n")[0]
        raise UnusableImage(f"damaged or cut short ({reason})") from error


def _unidentified(name: str) -> str:
    if name in _OPTIONAL and not features.check(name.lower()):
        return f"{name}, which this Pillow was built without: install Pillow's own wheel"
    if name == "TIFF":
        return "damaged, or a TIFF of a kind that is not decoded: save it with 8 bits a colour"
    return "damaged or cut short (its header cannot be read)"


def to_square(image: Image.Image, resize: int) -> Pixels:
    """Scale and crop an RGB picture to its centre: uint8 (3, resize, resize).

    The short side is scaled to `resize` and the long side cropped, as torchvision's Resize and
    CenterCrop do, without computing what is cropped away.
    """
    width, height = image.size
    left, right = _crop_span(width, min(width, height), resize)
    top, bottom = _crop_span(height, min(width, height), resize)
    box = (left, top, right, bottom)
    square = image.resize((resize, resize), Image.Resampling.BILINEAR, box=box)
    return np.stack([np.asarray(channel) for channel in square.split()])


@overload
def normalise(batch: Pixels, preprocessing: Preprocessing) -> Values: ...
@overload
def normalise(batch: Any, preprocessing: Preprocessing) -> Any: ...
def normalise(batch: Any, preprocessing: Preprocessing) -> Any:
    """Normalise stored squares to network input: uint8 (N, 3, R, R) -> float32 (N, 3, C, C).

    Centre crop, scale to 0..1, then (x - mean) / std. An array gives an array; a tensor gives a
    tensor on its device, with the same numbers.
    """
    crop = preprocessing.crop
    top = round((batch.shape[-2] - crop) / 2)
    left = round((batch.shape[-1] - crop) / 2)
    pixels = batch[..., top : top + crop, left : left + crop]
    mean, std = (np.array(v, np.float32) for v in (preprocessing.mean, preprocessing.std))
    if isinstance(pixels, np.ndarray):
        values = pixels.astype(np.float32)
    else:
        values = pixels.float()
        mean, std = values.new_tensor(mean), values.new_tensor(std)
    values /= 255
    values -= mean.reshape(3, 1, 1)
    values /= std.reshape(3, 1, 1)
    return values


def _crop_span(side: int, short: int, resize: int) -> tuple[float, float]:
    """Return where the centre crop of one side lies in the original picture, in its pixels."""
    scaled = int(resize * side / short)
    start = round((scaled - resize) / 2)
    scale = side / scaled
    return start * scale, min((start + resize) * scale, side)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusableImage(f"{width} x {height} pixels; at most {MAX_PIXELS:,} are decoded")


def _decode_scale(image: Image.Image, resize: int) -> int:
    """Return how many times smaller a JPEG can be decoded; 1 for all other pictures.

    Sides that cannot be divided would be rounded up, which moves what is in the picture.
    """
    fitting = (
        scale
        for scale in (8, 4, 2)
        if image.format == "JPEG"
        and min(image.size) >= 2 * resize * scale
        and image.width % scale == image.height % scale == 0
    )
    return next(fitting, 1)


def _orientation(image: Image.Image) -> int:
    """Read which way is up, once the pixels are read; a damaged EXIF says nothing about them."""
    exif, as_text = image.info.get("exif", b""), image.info.get("Raw profile type exif", "")
    try:
        if len(as_text) > 2 * MAX_EXIF_BYTES or not exif_fits(exif):
            return 1
        found = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return int(found) if found in _UPRIGHT else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
