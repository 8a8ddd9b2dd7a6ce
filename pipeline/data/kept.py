"""Keep below the state folder what is made once: an archive's pictures, the sample."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from pipeline.archives import ArchiveError
from pipeline.data.progress import Progress
from pipeline.data.unpack import unpack
from pipeline.temporary import temporary_folder

_CHUNK = 1024**2
_PICTURES, _LISTING = "pictures", "files.sha256"


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` fills at its first use, also by runs that begin together.

    It is made beside its place, and is there whole or not at all.
    """
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(place.name, place.parent) as own:
        part = own / place.name
        make(part)
        try:
            part.rename(place)
        except OSError:
            if not place.is_dir():  # else another run was faster
                raise
    return place


def unpacked_once(archive: Path, state: Path, progress: Progress) -> Path:
    """Return the folder with an archive's files below `state`, kept for later runs by its content.

    Raises ArchiveError for what cannot or must not be unpacked, and for a kept folder that changed.
    """
    kept = state / "unpacked" / _content(archive, progress)[:20]

    def make(part: Path) -> None:
        progress.say(f"unpacking {archive} to {kept}, which is kept for later runs")
        (part / _PICTURES).mkdir(parents=True)
        with progress.stage("unpacking", archive.stat().st_size) as advance:
            unpack(archive, part / _PICTURES, advance=advance)
        (part / _LISTING).write_text(_listing(part / _PICTURES))

    made_once(kept, make)
    pictures, listing = kept / _PICTURES, kept / _LISTING
    if not listing.is_file() or listing.read_text() != _listing(pictures):
        raise ArchiveError(
            f"{pictures} is not what was unpacked from {archive}: files were added, removed or "
            f"changed. Give that folder itself to use it as it is, or remove {kept}"
        )
    return pictures


def _listing(folder: Path) -> str:
    """Return a digest of the names and sizes of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder)}\0{path.stat().st_size}\0" for path in files]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _content(archive: Path, progress: Progress) -> str:
    """Return the SHA-256 of an archive; it is shown how far the reading is."""
    digest = hashlib.sha256()
    with (
        archive.open("rb") as file,
        progress.stage(f"reading {archive}", archive.stat().st_size) as advance,
    ):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            advance(len(chunk))
    return digest.hexdigest()
