"""Keep computed features on disk, found by the picture's pixels, so that a pass can resume.

Each finished chunk of a pass is one file, so that a killed pass loses a second's work, and a data
set that grew or changed costs only what is new. A folder belongs to one way of computing features:
its name is a hash of all that decides them except the pictures.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
MAX_BYTES = 4_000_000_000  # of all folders together; the least recently used go first
KEY_BYTES = 20
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def row_key(square: npt.NDArray[np.uint8], view: int) -> bytes:
    """Return the key of one view of a stored picture: its pixels' hash and the view's number."""
    return hashlib.sha256(square.data).digest()[: KEY_BYTES - 4] + view.to_bytes(4, "little")


class FeatureCache:
    """Cached features in one folder, for several threads; several processes may add to it."""

    def __init__(self, folder: Path, dimension: int) -> None:
        """Read which pictures are there, and remove damaged files."""
        self._folder, self._dimension = folder, dimension
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._lock = threading.Lock()
        # Python 3.11 cannot parse in two threads at once, and numpy parses the head of a file.
        self._reading = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()  # used now: pruning begins with the others
        for path in sorted(folder.glob("*.npz")):
            self._open(path)

    def __len__(self) -> int:
        return len(self._places)

    def find(self, keys: Sequence[bytes]) -> dict[int, Values]:
        """Return features (D,) of those keys that are known, by their position in `keys`."""
        wanted: dict[Path, list[tuple[int, int]]] = defaultdict(list)
        for position, key in enumerate(keys):
            if (place := self._places.get(key)) is not None:
                wanted[place[0]].append((position, place[1]))
        found: dict[int, Values] = {}
        for path, places in wanted.items():
            # removed meanwhile: then it is computed again
            with contextlib.suppress(*_DAMAGED), self._reading:
                values = _read(path, "values")
                found |= {position: values[row] for position, row in places}
        return found

    def add(self, keys: Sequence[bytes], values: Values) -> None:
        """Store features (N, D); ignore a full disk, as the pass itself can go on."""
        joined = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES)
        path = self._folder / f"{hashlib.sha256(joined.data).hexdigest()[:32]}.npz"
        with contextlib.suppress(OSError):
            handle, name = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, keys=joined, values=values)
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)
            with self._lock:
                self._places |= {key: (path, row) for row, key in enumerate(keys)}

    def _open(self, path: Path) -> None:
        try:
            keys, shape = _read(path, "keys"), _read(path, "values").shape
            if shape != (len(keys), self._dimension) or keys.shape[1:] != (KEY_BYTES,):
                raise ValueError("other shapes")
        except _DAMAGED:
            path.unlink(missing_ok=True)
            return
        self._places |= {key.tobytes(): (path, row) for row, key in enumerate(keys)}


def cache_folder(root: Path, decided_by: Mapping[str, object]) -> Path:
    """Return the folder for one way of computing features; `decided_by` has plain JSON values."""
    text = json.dumps(decided_by, sort_keys=True)
    return root / hashlib.sha256(text.encode()).hexdigest()[:32]


def prune(root: Path, max_bytes: int = MAX_BYTES) -> None:
    """Remove folders, the least recently used first, until the rest is small enough.

    Other jobs may do the same at the same time.
    """
    folders = sorted(filter(Path.is_dir, root.iterdir()), key=_last_used, reverse=True)
    total = 0
    for number, folder in enumerate(folders):
        with contextlib.suppress(FileNotFoundError):
            for path in folder.iterdir():
                total += _status(path)[1]
        if number > 0 and total > max_bytes:
            shutil.rmtree(folder, ignore_errors=True)


def _last_used(folder: Path) -> float:
    return _status(folder)[0]


def _status(path: Path) -> tuple[float, int]:
    """Return modification time and bytes; zeros when another job has removed the file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0.0, 0
    return status.st_mtime, status.st_size


def _read(path: Path, name: str) -> npt.NDArray[np.float32]:
    with np.load(path, allow_pickle=False) as archive:
        values: npt.NDArray[np.float32] = archive[name]
    return values
