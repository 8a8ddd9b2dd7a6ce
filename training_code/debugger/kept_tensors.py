"""Keep a second copy of a training's tensors beside its checkpoint, and bring them back.

A file of tensors is written once: the copy is a link where the disk can have one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDERS = ("collections", "events", "index")  # of smdebug; index last: it names what is there


def keep_tensors(source: Path, kept: Path) -> None:
    """Copy what is new in `source` to `kept`. Raises OSError."""
    for file in _files(source):
        _copy(file, kept / file.relative_to(source))


def bring_back(kept: Path, target: Path, last_step: int) -> None:
    """Copy kept tensors up to a step to `target`, and remove the later ones. Raises OSError."""
    for file in _files(kept):
        if _step_of(file) <= last_step:
            _copy(file, target / file.relative_to(kept))
        else:
            file.unlink()


def _files(folder: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        yield from (path for path in (folder / name).rglob("*") if path.is_file())


def _step_of(file: Path) -> int:
    """Return the step that a file is of; -1 for one that is of no step."""
    number = file.name.partition("_")[0]
    return int(number) if number.isdecimal() else -1


def _copy(file: Path, place: Path) -> None:
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # two disks
        os.link(file, place)
        return
    part = place.with_name(f"{place.name}.part")
    shutil.copyfile(file, part)
    part.replace(place)
