"""Compute what dataset.json states about a prepared data set."""

import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from folders.layout import Ignored, shown
from picture_notes import Note, Notes
from pictures.row_plan import Picture, Rows

_EXAMPLES = 5


def class_counts(rows: Rows, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the pictures of each class in each split: {split: {class: count}}."""
    counts = {split: Counter(each.file.label for each in rows[split]) for split in rows}
    return {split: {label: counts[split][label] for label in classes} for split in rows}


def fingerprint(rows: Rows, notes: Mapping[Picture, Notes], resize: int) -> str:
    """Return a sha256 that changes whenever a stored pixel, its class or its split does."""
    lines = sorted(
        "/".join(
            (split, picture.file.label, picture.content, *(n.name for n in notes.get(picture, ())))
        )
        for split, pictures in rows.items()
        for picture in pictures
    )
    text = "\n".join([f"resize={resize}", *lines])
    return hashlib.sha256(text.encode()).hexdigest()


def duplicates(rows: Rows) -> list[dict[str, list[str]]]:
    """List the groups of files with equal content, with their splits and classes."""
    groups: dict[str, list[tuple[str, Picture]]] = defaultdict(list)
    for split, pictures in rows.items():
        for picture in pictures:
            groups[picture.content].append((split, picture))
    return listed_groups(group for group in groups.values() if len(group) > 1)


def listed_groups(groups: Iterable[list[tuple[str, Picture]]]) -> list[dict[str, list[str]]]:
    """List groups of pictures, each with its split: the files, splits and classes of each."""
    found = [
        {
            "files": sorted(picture.file.name for _, picture in group),
            "splits": sorted({split for split, _ in group}),
            "classes": sorted({picture.file.label for _, picture in group}),
        }
        for group in groups
    ]
    return sorted(found, key=lambda one: one["files"])


def ignored_files(names: Sequence[str]) -> list[Ignored]:
    """Group files that are no pictures by the ends of their names, each with an example."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[PurePosixPath(name).suffix.lower()].append(name)
    return [
        Ignored(
            f"*{shown(suffix)}" if suffix else "no suffix",
            f"{_no_pictures(len(group))}: {shown(group[0])}",
        )
        for suffix, group in sorted(groups.items())
    ]


def _no_pictures(count: int) -> str:
    return "1 file that is no picture" if count == 1 else f"{count:,} files that are no pictures"


def notes_list(notes: Mapping[Picture, Notes]) -> list[dict[str, Any]]:
    """List what was done to pictures while they were decoded: how many, and some of the files."""
    files: dict[Note, list[str]] = defaultdict(list)
    for picture, found in notes.items():
        for note in found:
            files[note].append(picture.file.name)
    return [
        {"note": note.value, "count": len(files[note]), "files": sorted(files[note])[:_EXAMPLES]}
        for note in Note
        if note in files
    ]


def refused_list(refused: Mapping[str, str]) -> list[dict[str, str]]:
    """List the files left out, sorted by name, each with the reason."""
    return [{"file": name, "reason": reason} for name, reason in sorted(refused.items())]


def versions() -> dict[str, str]:
    """Return the versions of Python and the packages that the stored pixels depend on."""
    packages = {
        name: metadata.version(name) for name in ("numpy", "pillow", "torch", "torchvision")
    }
    return {"python": platform.python_version(), **packages}
