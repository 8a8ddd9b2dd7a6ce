"""Find the files of a folder-per-class data set, and the fingerprint that names it."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.progress import Progress
from pipeline.errors import UsageError
from training_code.pictures import folder_walk
from training_code.pictures.folder_walk import EXPECTED, files_below, subfolders

MAXIMUM_FILE_BYTES = 5 * 1000**3  # what S3 takes in one request; no picture is near it
_MAXIMUM_NAME_BYTES = 900  # of S3's 1,024 for a key, less what goes in front
_HASHING_THREADS = 8


class DataError(UsageError):
    """The data set cannot be used as it is; the message says what to mend."""


@dataclass(frozen=True)
class DataFile:
    """One file: `name` is its path below the data set's root, with slashes."""

    path: Path
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """All files of a data set, sorted by name."""

    files: tuple[DataFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when any file or name does."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.name}\0{file.sha256}\n".encode())
        return digest.hexdigest()[:16]


def scan(folder: Path, progress: Progress) -> DataSet:
    """Find and hash the files in the folders below `folder`.

    Hidden files, system files and files beside the outermost folders are left out, and a single
    folder around everything is stepped into: the Prepare step would do the same.
    Raises DataError when nothing is left, or a file cannot be read or named on S3.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; {EXPECTED}")
    root = data_root(folder)
    with _readable():
        paths = [path for top in subfolders(root) for path in files_below(top)]
    found = [(path, _name(path, root)) for path in paths]
    if not found:
        raise DataError(f"{folder} holds no pictures in folders; {EXPECTED}")
    sizes = {path: _size(path) for path, _ in found}
    with (
        progress.stage("looking at the files", sum(sizes.values())) as advance,
        ThreadPoolExecutor(_HASHING_THREADS) as pool,
    ):

        def hashed(place: tuple[Path, str]) -> DataFile:
            path, name = place
            file = DataFile(path, name, sizes[path], _sha256(path))
            advance(file.size)
            return file

        files = list(pool.map(hashed, found))
    return DataSet(tuple(sorted(files, key=lambda file: file.name)))


def data_root(folder: Path) -> Path:
    """Return the folder that holds the classes or splits, inside folders that only wrap it.

    Names of pictures are relative to it, here and in what Prepare writes. Raises DataError when a
    folder cannot be read.
    """
    with _readable():
        return folder_walk.data_root(folder)


def check_folders(folder: Path) -> None:
    """Raise DataError for a folder without two classes, or splits, in it; open no file."""
    root = data_root(folder)
    with _readable():
        count = len(subfolders(root))
    if count < 2:
        found = "one folder" if count else "no folders"
        raise DataError(f"{root} holds {found}, and two classes are the least; {EXPECTED}")


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error


def _name(path: Path, root: Path) -> str:
    relative = path.relative_to(root)
    try:
        name = os.fsencode(relative).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{str(relative)!r}: the name is not UTF-8; rename the file") from None
    if len(name.encode()) > _MAXIMUM_NAME_BYTES:
        raise DataError(f"{relative}: the name is longer than {_MAXIMUM_NAME_BYTES} bytes")
    return "/".join(Path(name).parts)


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder; remove it")
    if size > MAXIMUM_FILE_BYTES:
        raise DataError(f"{path} is larger than {MAXIMUM_FILE_BYTES} bytes; no picture is")
    return size


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
