"""Find the classes and the files of a folder-per-class picture data set, split or not.

    DIR/<class>/<picture>              or     DIR/{train,valid,test}/<class>/<picture>

Pictures may lie in sub-folders of their class. Hidden files, system files and files that lie
beside the class folders are ignored; every other file of a class counts as a picture, and
whoever reads it finds out whether it is one. A single folder around the whole data set (as many
archives have) is stepped into. Symbolic links are followed, but not in circles.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from job.errors import JobError
from pictures.folder_walk import EXPECTED, beside, data_root, files_below, subfolders, visible

SPLITS = ("train", "valid", "test")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file in a class folder; `name` is its path below the data set's root, for people."""

    path: str
    name: str
    label: str
    split: str | None


@dataclass(frozen=True)
class ImageFolder:
    """A data set's folders: sorted classes, files sorted by name, ignored entries.

    `is_split` says whether the folders give the split; if so every file has one.
    """

    classes: tuple[str, ...]
    files: tuple[PictureFile, ...]
    is_split: bool
    ignored: tuple[str, ...]


def find_images(root: Path) -> ImageFolder:
    """Read the folder structure below `root`, without opening any file.

    Raises JobError when the folder is missing or empty, holds fewer than two classes, or when
    the splits' class folders differ or two have the same letters in two Unicode forms, or when a
    folder cannot be read.
    """
    try:
        return _find_images(root)
    except OSError as error:
        raise JobError(f"{error.filename} cannot be read: {error.strerror}") from error


def _find_images(root: Path) -> ImageFolder:
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise JobError(f"the data folder {root} {what}; {EXPECTED}")
    root = data_root(root)
    splits = _split_folders(root)
    if splits is None:
        classes = _class_folders(root)
        files = [file for label in classes for file in _class_files(root, root / label, None)]
        ignored = beside(root)
    else:
        classes = _common_classes(root, splits)
        places = [(split, folder / label) for split, folder in splits.items() for label in classes]
        files = [file for split, place in places for file in _class_files(root, place, split)]
        kept = {folder.name for folder in splits.values()}
        ignored = [entry.name for entry in visible(root) if entry.name not in kept]
        ignored += [name for folder in splits.values() for name in beside(folder)]
    if not files:
        raise JobError(f"{root} holds class folders but no files; {EXPECTED}")
    return ImageFolder(tuple(classes), tuple(files), splits is not None, tuple(ignored))


def _split_folders(root: Path) -> dict[str, Path] | None:
    """Return the folders of the three splits, or None for a data set that is not split."""
    found: dict[str, list[Path]] = {}
    for folder in subfolders(root):
        if split := _SPLIT_NAMES.get(folder.name.lower()):
            found.setdefault(split, []).append(folder)
    # one such name alone may well be a class: pictures of trains, say
    if "train" not in found or len(found) < 2:
        return None
    for split, folders in found.items():
        if len(folders) > 1:
            names = " and ".join(folder.name for folder in folders)
            raise JobError(f"{root} has {names}: keep one folder for the {split} split")
    missing = [split for split in SPLITS if split not in found]
    if missing:
        names = " and ".join(folders[0].name for folders in found.values())
        raise JobError(
            f"{root} has {names} but no {missing[0]} folder; add it, or put all pictures in"
            " DIR/<class>/ to have them split"
        )
    return {split: found[split][0] for split in SPLITS}


def _common_classes(root: Path, splits: dict[str, Path]) -> list[str]:
    train = _class_folders(splits["train"])
    for split in ("valid", "test"):
        names = {folder.name for folder in subfolders(splits[split])}
        _check_forms(
            {*train, *names},
            f"the class folders of train and {split} in {root}",
            f"rename them to one form (convmv -f utf8 -t utf8 --nfc -r --notest {root})",
        )
        difference = sorted(set(train) ^ names)
        if difference:
            only = "train" if difference[0] in train else split
            raise JobError(
                f"the class folders of train and {split} in {root} differ:"
                f" {_some(difference)} ({difference[0]} only in {only});"
                " every split needs the same classes"
            )
    return train


def _class_folders(folder: Path) -> list[str]:
    classes = [entry.name for entry in subfolders(folder)]
    if not classes:
        raise JobError(f"{folder} holds no class folders; {EXPECTED}")
    if len(classes) == 1:
        raise JobError(
            f"{folder} holds one class only ({classes[0]}); a classifier needs two or more"
        )
    for name in classes:
        if not name.isprintable():
            raise JobError(f"the class folder {name!r} in {folder} has unprintable letters; rename")
    _check_forms(
        classes, f"the class folders of {folder}", "move the pictures of one into the other"
    )
    return classes


def _check_forms(names: Iterable[str], whose: str, mend: str) -> None:
    """Raise JobError for two names that look the same: an accent may be a letter of its own."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        look = unicodedata.normalize("NFC", name)
        other = seen.setdefault(look, name)
        if other != name:
            raise JobError(
                f"{whose} have {look} in two Unicode forms, {other!a} and {name!a}: the same"
                f" letters, but two names; {mend}"
            )


def _class_files(root: Path, folder: Path, split: str | None) -> Iterator[PictureFile]:
    for path in files_below(folder):
        name = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
        yield PictureFile(str(path), name, folder.name, split)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
