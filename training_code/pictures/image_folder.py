"""Find the classes and the files of a folder-per-class picture data set, split or not.

`folders/` reads the folders; here every file of a class gets its label and split. Which of them are
pictures is found out by whoever reads them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from folders.layout import AUTO, AmbiguousLayout, Ignored, UnusableLayout
from folders.reading import read_folder
from job.errors import JobError
from picture_formats import is_picture


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file in a class folder; `name` is its path below the data folder, for people.

    `split` is None for one that is still to be given one.
    """

    path: str
    name: str
    label: str
    split: str | None


@dataclass(frozen=True)
class ImageFolder:
    """A data set's folders: sorted classes, files, what is ignored, and what a person should know.

    `drawn` are the splits that the files without one are divided among: none where the folders give
    all, train and what is missing where they give some.
    """

    classes: tuple[str, ...]
    files: tuple[PictureFile, ...]
    drawn: tuple[str, ...]
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


def find_images(root: Path, layout: str = AUTO) -> ImageFolder:
    """Read the folders below `root`; a file is opened only where no name says what it is.

    Raises JobError when they are no data set, can be meant in several ways (`layout` says which),
    or cannot be read.
    """
    try:
        reading = read_folder(root, is_picture, layout)
    except AmbiguousLayout as error:
        # A person knows the data by its address, and not by the job's folder.
        words = error.worded(
            lambda folder: f"DataUri with /{os.path.relpath(folder, root)} at its end"
        )
        raise JobError(words) from error
    except UnusableLayout as error:
        raise JobError(str(error)) from error
    except OSError as error:
        raise JobError(f"{error.filename} cannot be read: {error.strerror}") from error
    files = (
        PictureFile(path, _name(path, root), place.label, place.split)
        for place, path in reading.files()
    )
    return ImageFolder(reading.classes, tuple(files), reading.drawn, reading.ignored, reading.notes)


def _name(path: str, root: Path) -> str:
    below = path.removeprefix(str(root)).lstrip(os.sep)
    return os.fsencode(below).decode("utf-8", "backslashreplace")
