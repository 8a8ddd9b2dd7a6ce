"""Find the pictures in files and folders, and pack them into requests."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_code.picture_formats import is_picture
from pipeline.errors import UsageError, file_reason
from pipeline.settings.serverless import MAXIMUM_BODY
from training_code.folders.walk import (
    UnusableFolder,
    files_below,
    first_bytes,
    is_called_a_picture,
    walk,
)

# The network's own batch: of more pictures in a request none is answered sooner.
MOST_IN_REQUEST = 16
_AROUND_PICTURE = 16  # {"b64": ""}, and the comma
_AROUND_REQUEST = 64


@dataclass(frozen=True)
class Found:
    """The pictures by their names, as given; `others` are files in folders that are none."""

    pictures: tuple[str, ...]
    others: tuple[str, ...] = ()


def find_pictures(given: Sequence[str]) -> Found:
    """Find the pictures in files and folders, each once, in the order given.

    Of folders hidden files, and those that are no pictures by name and content, are left out; a
    file that is named itself is asked about in any case. Raises UsageError for what is not there
    or cannot be read.
    """
    pictures: dict[str, None] = {}
    others: dict[str, None] = {}
    for name in given:
        path = Path(name)
        if not name.strip() or not path.is_dir():
            if not path.is_file():
                there = name.strip() and path.exists()
                what = f"{name} is no regular file" if there else f"there is no file {name!r}"
                raise UsageError(f"{what}: give pictures, or folders of them")
            pictures[name] = None
            continue
        for file in _below(path):
            kind = pictures if _is_picture(file) else others
            kind[file] = None
    if not pictures:
        raise UsageError(f"there is no picture in {', '.join(given)}")
    return Found(tuple(pictures), tuple(name for name in others if name not in pictures))


def packed(names: Iterable[str], most: int = MOST_IN_REQUEST) -> Iterator[tuple[str, ...]]:
    """Pack pictures into requests, in order: at most so many, and what any endpoint takes."""
    group: list[str] = []
    size = _AROUND_REQUEST
    for name in names:
        more = _encoded_size(name)
        if group and (len(group) >= most or size + more > MAXIMUM_BODY):
            yield tuple(group)
            group, size = [], _AROUND_REQUEST
        group.append(name)
        size += more
    if group:
        yield tuple(group)


def _below(folder: Path) -> Iterator[str]:
    try:
        yield from files_below(walk(folder, is_picture).top)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {file_reason(error)}") from error
    except UnusableFolder as error:
        raise UsageError(str(error)) from error


def _is_picture(file: str) -> bool:
    if is_called_a_picture(file):
        return True
    try:
        return is_picture(first_bytes(file))
    except OSError:
        return False


def _encoded_size(name: str) -> int:
    try:
        size = os.stat(name).st_size  # noqa: PTH116 - called for every picture
    except OSError:
        size = 0  # reading it will say why
    return 4 * -(-size // 3) + _AROUND_PICTURE
