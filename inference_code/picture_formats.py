"""List the picture formats that can be used: a row here is all that another one needs.

Prepare, the endpoint, the registered content types and the commands read them from here. Every
format is decoded by Pillow as its wheels are built, in the jobs' image and in the serving image;
what one of them could not decode has no place in the list.
"""

import re
from dataclasses import dataclass
from pathlib import Path


class UnusableImage(ValueError):
    """The bytes are no picture we can use; the message says why, without naming the file."""


@dataclass(frozen=True)
class PictureFormat:
    """A picture format: `name` is Pillow's in any case, `start` matches a file's first bytes."""

    name: str
    mime_type: str
    suffixes: tuple[str, ...]
    start: re.Pattern[bytes]


def _starting(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FORMATS = (
    PictureFormat("JPEG", "image/jpeg", (".jpg", ".jpeg"), _starting(rb"\xff\xd8\xff")),
    PictureFormat("PNG", "image/png", (".png",), _starting(rb"\x89PNG\r\n\x1a\n")),
    PictureFormat("WebP", "image/webp", (".webp",), _starting(rb"RIFF.{4}WEBP")),
    PictureFormat("GIF", "image/gif", (".gif",), _starting(rb"GIF8[79]a")),
    # two letters alone would take in text: the size of the header that follows is one of seven
    PictureFormat(
        "BMP",
        "image/bmp",
        (".bmp",),
        _starting(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    ),
    PictureFormat("TIFF", "image/tiff", (".tif", ".tiff"), _starting(rb"II[*+]\0|MM\0[*+]")),
    # HEIC begins with the same box: the brands that it names tell them apart
    PictureFormat(
        "AVIF",
        "image/avif",
        (".avif",),
        _starting(rb".{4}ftyp(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4}){0,30}?avi[fs])"),
    ),
)
MIME_TYPES = tuple(each.mime_type for each in FORMATS)
# Pictures too, but not decoded: known only for a refusal to name them.
_UNREAD = {
    "HEIC": _starting(rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"),
    "JPEG XL": _starting(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "JPEG 2000": _starting(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "camera raw": _starting(rb"IIU\0|IIR[OS]|FUJIFILMCCD|.{4}ftypcrx "),
    "Photoshop": _starting(rb"8BPS"),
    "SVG": _starting(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,500}?-->\s*)?<svg[\s>]"),
}


def format_of(data: bytes) -> PictureFormat | None:
    """Tell a picture's format by its first bytes; None for what is none of these."""
    return next((each for each in FORMATS if each.start.match(data)), None)


def is_picture(data: bytes) -> bool:
    """Tell by its first bytes whether a file is a picture, be it one that cannot be decoded."""
    return format_of(data) is not None or _unread(data) is not None


def format_named(file: Path) -> PictureFormat | None:
    """Tell a picture's format by its file's name alone."""
    return next((each for each in FORMATS if file.suffix.lower() in each.suffixes), None)


def refusal(data: bytes) -> str:
    """Say why bytes of none of these formats cannot be used, and what would help."""
    unread = _unread(data)
    if unread is None:
        return f"not a {listed()} picture"
    return f"a {unread} picture, which cannot be decoded: save it as JPEG or PNG"


def _unread(data: bytes) -> str | None:
    return next((name for name, start in _UNREAD.items() if start.match(data)), None)


def listed(last: str = "or") -> str:
    """Return the formats' names for a message: `JPEG, PNG or WebP`."""
    *others, final = (each.name for each in FORMATS)
    return f"{', '.join(others)} {last} {final}"
