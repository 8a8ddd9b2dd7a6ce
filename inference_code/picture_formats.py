"""List the picture formats that can be used: a row here is all that another one needs.

Prepare, the endpoint, the registered content types and the commands read them from here.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PictureFormat:
    """A picture format: `name` is Pillow's in any case, `start` matches a file's first bytes."""

    name: str
    mime_type: str
    suffixes: tuple[str, ...]
    start: re.Pattern[bytes]


FORMATS = (
    PictureFormat("JPEG", "image/jpeg", (".jpg", ".jpeg"), re.compile(rb"\xff\xd8\xff")),
    PictureFormat("PNG", "image/png", (".png",), re.compile(rb"\x89PNG\r\n\x1a\n")),
    PictureFormat("WebP", "image/webp", (".webp",), re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
)
MIME_TYPES = tuple(each.mime_type for each in FORMATS)


def format_of(data: bytes) -> PictureFormat | None:
    """Tell a picture's format by its first bytes; None for what is no picture."""
    return next((each for each in FORMATS if each.start.match(data)), None)


def format_named(file: Path) -> PictureFormat | None:
    """Tell a picture's format by its file's name alone."""
    return next((each for each in FORMATS if file.suffix.lower() in each.suffixes), None)


def listed(last: str = "or") -> str:
    """Return the formats' names for a message: `JPEG, PNG or WebP`."""
    *others, final = (each.name for each in FORMATS)
    return f"{', '.join(others)} {last} {final}"
