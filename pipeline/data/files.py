"""Find the files of a folder-per-class data set, and the fingerprint that names it."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.progress import Progress
from pipeline.data.reading import DataError
from training_code.folders.layout import Reading

MAXIMUM_FILE_BYTES = 5 * 1000**3  # what S3 takes in one request; no picture is near it
_MAXIMUM_NAME_BYTES = 900  # of S3's 1,024 for a key, less what goes in front
_HASHING_THREADS = 8


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


def scan(reading: Reading, progress: Progress) -> DataSet:
    """Hash the files in a data set's class folders; what its reading leaves out is left out.

    Raises DataError when a file cannot be read or named on S3.
    """
    found = [(Path(path), _name(path, reading.root)) for _, path in reading.files()]
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


def _name(path: str, root: str) -> str:
    relative = path.removeprefix(root).lstrip(os.sep)
    try:
        name = os.fsencode(relative).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{relative!r}: the name is not UTF-8; rename the file") from None
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
        raise DataError(f"{path} is larger than {MAXIMUM_FILE_BYTES:,} bytes; no picture is")
    return size


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
