"""Walk the folders of a data set: the one walk, for uploading, for a run here and for Prepare.

Hidden files are left out, and what systems and tools keep for themselves. Symbolic links are
followed, but not back to a folder that the walk came through or that lies around the link: its
pictures would count again, under another class. The walk is bounded, and opens nothing but files.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAXIMUM_FILES = 5_000_000
MAXIMUM_FOLDERS = 500_000
MAXIMUM_DEPTH = 100
MAXIMUM_WAYS = 20  # by which links may lead to one folder: links that fan out double at each level
# What is called so counts as a picture, also where it cannot be read: it is refused, and not passed
# over. A test holds that the formats that are read are among them.
_SUFFIXES = (
    ".jpg .jpeg .jpe .jfif .png .apng .webp .bmp .dib .gif .tif .tiff .heic .heif .avif .jp2 .jpx"
    " .j2k .jxl .svg .ico .tga .ppm .pgm .pbm .pnm .psd .exr .hdr .raw .dng .cr2 .cr3 .nef .arw"
    " .orf .rw2 .raf .dcm"
)
PICTURE_SUFFIXES = frozenset(_SUFFIXES.split())
START_BYTES = 1024  # of a file tell whether it is a picture
_SYSTEM_FILES = {"__macosx", "thumbs.db", "desktop.ini"}
_SYSTEM_FOLDERS = {
    *("@eadir", "#recycle", "#snapshot", "@tmp", "@recycle", "@recently-snapshot"),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
    *("lost+found", "__pycache__", "node_modules", "site-packages"),
}
# one of them lies in each; packages bring pictures of their own
_PYTHON_ENVIRONMENT = {"pyvenv.cfg", "conda-meta"}
_PSEUDO = ("/proc", "/sys")  # endless, and reading there may wait for ever
_BROKEN = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)  # of a link to nothing

IsPicture = Callable[[bytes], object]
_Identity = tuple[int, int]


class UnusableFolder(ValueError):
    """The folder cannot be walked to its end; the message says where, why and how to mend it."""


@dataclass(slots=True, eq=False)
class Folder:
    """A folder with its visible files and sub-folders, in the order of their names.

    `pictures` counts its own files that are called as pictures are or, where none is, all of them
    if one begins as a picture does; `total` counts those of its sub-folders, too.
    """

    name: str
    path: str
    files: list[str] = field(default_factory=list)
    folders: list["Folder"] = field(default_factory=list)
    pictures: int = 0
    total: int = 0


@dataclass(frozen=True)
class Tree:
    """All folders below one; `left_out` counts sub-folders that were not entered: (name, why)."""

    top: Folder
    left_out: Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A folder to look into; `above` are the folders that no link may lead back to."""

    folder: Folder
    above: frozenset[_Identity]
    depth: int


def walk(root: Path, is_picture: IsPicture) -> Tree:
    """Find the visible folders and files below `root`; `is_picture` judges a file's first bytes.

    Raises UnusableFolder when there is no end of them, or a link leads into /proc or /sys; the
    OSError of a folder that cannot be read.
    """
    return _Walk(root, is_picture).tree()


def is_called_a_picture(name: str) -> bool:
    """Check whether a file's name ends as a picture's does, of whatever format."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


class _Walk:
    def __init__(self, root: Path, is_picture: IsPicture) -> None:
        self._root = root
        self._is_picture = is_picture
        self._pseudo = _pseudo_devices()
        self._ways: Counter[_Identity] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._files = 0

    def tree(self) -> Tree:
        self._check_place(str(self._root), self._root.stat(), is_link=True)
        top = Folder(self._root.name, str(self._root))
        folders, todo = [top], [_Visit(top, _above(self._root), 0)]
        while todo:
            visit = todo.pop()
            for inner in self._look_into(visit):
                folders.append(inner.folder)
                todo.append(inner)
            if len(folders) > MAXIMUM_FOLDERS:
                raise UnusableFolder(
                    f"{self._root} holds more than {MAXIMUM_FOLDERS:,} folders: give the one with"
                    " the pictures"
                )
        for folder in reversed(folders):  # each comes behind the one that it lies in
            folder.total = folder.pictures + sum(inner.total for inner in folder.folders)
        return Tree(top, self._left_out)

    def _look_into(self, visit: _Visit) -> list[_Visit]:
        folder, found = visit.folder, []
        for entry in self._visible(folder.path):
            status = self._status(entry)
            if status is None or not stat.S_ISDIR(status.st_mode):
                folder.files.append(entry.name)
            elif inner := self._enter(visit, entry, status):
                folder.folders.append(inner.folder)
                found.append(inner)
        self._files += len(folder.files)
        folder.pictures = sum(map(is_called_a_picture, folder.files))
        if not folder.pictures and any(self._begins_as_picture(path) for path in _paths(folder)):
            folder.pictures = len(folder.files)
        return found

    def _visible(self, path: str) -> list[os.DirEntry[str]]:
        with os.scandir(path) as entries:
            found = []
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM_FILES:
                    found.append(entry)
                if self._files + len(found) > MAXIMUM_FILES:
                    raise UnusableFolder(
                        f"{self._root} holds more than {MAXIMUM_FILES:,} files: give the folder"
                        " with the pictures"
                    )
        if any(entry.name in _PYTHON_ENVIRONMENT for entry in found):
            return []
        return sorted(found, key=lambda entry: entry.name)

    def _status(self, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Return what a link or folder is; None for a plain file, which need not be asked."""
        try:
            if entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                status = entry.stat()
                self._check_place(entry.path, status, is_link=entry.is_symlink())
                return status
        except OSError as error:
            if error.errno not in _BROKEN:
                raise
        return None

    def _enter(
        self, visit: _Visit, entry: os.DirEntry[str], status: os.stat_result
    ) -> _Visit | None:
        identity = (status.st_dev, status.st_ino)
        if entry.name.lower() in _SYSTEM_FOLDERS:
            self._left_out[entry.name, "kept by a system or a tool"] += 1
            return None
        if identity in visit.above:
            self._left_out[entry.name, "a link that leads back"] += 1
            return None
        self._ways[identity] += 1
        if self._ways[identity] > MAXIMUM_WAYS:
            raise UnusableFolder(
                f"more than {MAXIMUM_WAYS} links lead to one folder, the last of them"
                f" {_short(entry.path)}: its pictures would count each time; remove links"
            )
        if visit.depth >= MAXIMUM_DEPTH:
            raise UnusableFolder(
                f"more than {MAXIMUM_DEPTH} folders lie within each other, down to"
                f" {_short(entry.path)}: give the folder with the pictures"
            )
        above = visit.above | {identity}
        if entry.is_symlink():
            above |= {_identity(path) for path in Path(entry.path).resolve().parents}
        return _Visit(Folder(entry.name, entry.path), above, visit.depth + 1)

    def _check_place(self, path: str, status: os.stat_result, *, is_link: bool) -> None:
        """Raise UnusableFolder for what lies in a file system that only looks like one."""
        inside = status.st_dev in self._pseudo
        if is_link and stat.S_ISDIR(status.st_mode):  # other systems are mounted in /sys
            inside |= any(map(Path(path).resolve().is_relative_to, _PSEUDO))
        if inside:
            raise UnusableFolder(
                f"{_short(path)} is, or leads to, the system's own"
                f" {_short(str(Path(path).resolve()))}: remove it, or give another folder"
            )

    def _begins_as_picture(self, path: str) -> bool:
        try:
            return bool(self._is_picture(first_bytes(path)))
        except OSError:  # nobody knows what it is: it is refused later, and not passed over
            return not os.path.splitext(path)[1]


def first_bytes(path: str) -> bytes:
    """Read how a file begins; nothing from a device, a pipe or a broken link."""
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as file:
        return file.read(START_BYTES)


def files_below(folder: Folder) -> Iterator[str]:
    """Yield the paths of all files in a folder and its sub-folders."""
    return (path for inner in folders_below(folder) for path in _paths(inner))


def folders_below(folder: Folder) -> Iterator[Folder]:
    """Yield a folder and all folders in it."""
    todo = [folder]
    while todo:
        folder = todo.pop()
        yield folder
        todo.extend(reversed(folder.folders))


def _paths(folder: Folder) -> Iterator[str]:
    return (os.path.join(folder.path, name) for name in folder.files)


def _pseudo_devices() -> set[int]:
    found = {os.stat(place).st_dev for place in _PSEUDO if os.path.isdir(place)}
    return found - {os.stat("/").st_dev}


def _above(folder: Path) -> frozenset[_Identity]:
    """Identify a folder and all above it, by the way that led to it and by where it lies."""
    way, place = folder.absolute(), folder.resolve()
    came_through = (
        path for path in (way, *way.parents) if ".." not in way.parts[len(path.parts) :]
    )
    return frozenset(_identity(path) for path in (*came_through, place, *place.parents))


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _short(path: str) -> str:
    return path if len(path) <= 120 else f"{path[:60]}…{path[-40:]}"
