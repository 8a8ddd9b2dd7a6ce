"""From picture bytes to what a network sees: the one place for it, in training and in serving.

Prepare stores `to_square(decode_image(data), resize)`; training, evaluation and serving then
apply `normalise`. What is decided here holds for all of them:

- JPEG, PNG and WebP only, told by content, never by the name; the pixel count is read from the
  header before anything is decoded; an animation is refused; of a camera's multi-picture JPEG
  (MPO) the first picture is used.
- The EXIF orientation is applied. Colours become RGB as Pillow's `convert("RGB")` makes them
  (what torchvision does too): alpha is dropped, grey is repeated, CMYK is converted without a
  colour profile. 16-bit grey keeps its upper 8 bits.
- Geometry is torchvision's `Resize(resize)` (bilinear, antialiased) and `CenterCrop`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_FILE_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_JPEG_OR_PNG = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusableImage(ValueError):
    """The bytes are no picture we can use; the message says why, without naming the file."""


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
        """Plain values for JSON: `from_dict` reads them back."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Reads what `to_dict` wrote; raises ValueError when something is missing or misfits."""
        try:
            mean, std = ([float(value) for value in values[key]] for key in ("mean", "std"))
            resize, crop = int(values["resize"]), int(values["crop"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"preprocessing is incomplete: {error}") from error
        if len(mean) != 3 or len(std) != 3:
            raise ValueError("preprocessing needs 3 values for mean and 3 for std")
        return cls(resize, crop, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def check_bytes(data: bytes) -> None:
    """Raises UnusableImage for what is no picture at first sight, without decoding anything."""
    if not data:
        raise UnusableImage("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise UnusableImage(f"{len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    if not is_webp and not data.startswith(_JPEG_OR_PNG):
        raise UnusableImage("not a JPEG, PNG or WebP picture")


def decode_image(data: bytes) -> Image.Image:
    """The upright RGB picture in `data`, fully decoded; raises UnusableImage with the reason."""
    check_bytes(data)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_header(image)
            return _to_rgb(_upright(image))
    except UnusableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnusableImage("damaged or cut short (its header cannot be read)") from error
    except Image.DecompressionBombError as error:
        raise UnusableImage(f"too many pixels; at most {MAX_PIXELS:,} are decoded") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders fail in many ways on damaged bytes
        raise UnusableImage(f"damaged or cut short ({error})") from error


def to_square(image: Image.Image, resize: int) -> npt.NDArray[np.uint8]:
    """The centre of an RGB picture, uint8 (3, resize, resize).

    The short side is scaled to `resize` and the long side cropped, in one pass: what torchvision's
    Resize and CenterCrop make (to one level of 255), without computing what is cropped away, so
    that a very long picture costs no more than a square one.
    """
    width, height = image.size
    left, right = _crop_span(width, min(width, height), resize)
    top, bottom = _crop_span(height, min(width, height), resize)
    box = (left, top, right, bottom)
    square = image.resize((resize, resize), Image.Resampling.BILINEAR, box=box)
    return np.stack([np.asarray(channel) for channel in square.split()])


def normalise(batch: "Tensor", preprocessing: Preprocessing) -> "Tensor":
    """Network input from stored squares: uint8 (N, 3, R, R) -> float32 (N, 3, C, C).

    Centre crop, scale to 0..1, then (x - mean) / std. Stays on the batch's device.
    """
    crop = preprocessing.crop
    top = round((batch.shape[-2] - crop) / 2)
    left = round((batch.shape[-1] - crop) / 2)
    pixels = batch[..., top : top + crop, left : left + crop].float().div_(255)
    mean = pixels.new_tensor(preprocessing.mean).view(3, 1, 1)
    std = pixels.new_tensor(preprocessing.std).view(3, 1, 1)
    return pixels.sub_(mean).div_(std)


def _crop_span(side: int, short: int, resize: int) -> tuple[float, float]:
    """Where the centre crop of one side lies in the original picture, in original pixels."""
    scaled = int(resize * side / short)
    start = round((scaled - resize) / 2)
    scale = side / scaled
    return start * scale, min((start + resize) * scale, side)


def _check_header(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusableImage(f"{width} x {height} pixels; at most {MAX_PIXELS:,} are decoded")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise UnusableImage("an animation; only still pictures are used")


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        method = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's own conversion clips 16-bit grey to white instead of scaling it
        grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255)
        image = Image.fromarray(grey.astype(np.uint8))
    return image.convert("RGB")
