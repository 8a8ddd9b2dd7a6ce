"""Walk the folders of a folder-per-class data set: the one walk, for uploading and for Prepare.

Hidden and system files are left out. Symbolic links are followed, but not back to a folder that
the walk came through or that lies around the link: its pictures would count again, under another
class. Raises the OSError of a folder that cannot be read.
"""

from collections.abc import Iterator
from pathlib import Path

EXPECTED = "expected DIR/<class>/<picture> or DIR/{train,valid,test}/<class>/<picture>"
_SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini"}


def data_root(folder: Path) -> Path:
    """Return the folder that holds the classes or splits, inside folders that only wrap it."""
    while len(inner := subfolders(folder)) == 1 and subfolders(inner[0]):
        folder = inner[0]
    return folder


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted, without links that lead back."""
    above = _above(folder)
    return [entry for entry in visible(folder) if entry.is_dir() and _id(entry) not in above]


def beside(folder: Path) -> list[str]:
    """Return the names of what is visible in a folder and none of its subfolders."""
    inner = set(subfolders(folder))
    return [entry.name for entry in visible(folder) if entry not in inner]


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all visible files below a folder, in the order of their names."""
    above = _above(folder)
    for entry in visible(folder):
        if not entry.is_dir():
            yield entry
        elif _id(entry) not in above:
            yield from files_below(entry)


def visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, but for hidden and system files."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM_NAMES
    ]


def _above(folder: Path) -> set[tuple[int, int]]:
    """Identify a folder and all above it, by the way that led to it and by where it lies."""
    way, place = folder.absolute(), folder.resolve()
    came_through = (
        path for path in (way, *way.parents) if ".." not in way.parts[len(path.parts) :]
    )
    return {_id(path) for path in (*came_through, place, *place.parents)}


def _id(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
