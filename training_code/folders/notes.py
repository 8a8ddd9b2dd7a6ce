"""Say what a person should know of a data set that can be read: classes that may be none."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from .layout import Place, shown
from .names import is_kind_name, look
from .structure import is_split_name
from .walk import Folder, folders_below

_WORDS = ("mask", "label", "seg", "annot", "gt", "truth", "trimap", "depth", "heatmap", "bbox")
_MASK = re.compile(
    r"[ _.-]?(?:masks?|labels?|seg(?:mentation)?|annotat(?:ed|ions?)|gt|ground_?truth|trimap|depth"
    r"|heatmap|bbox)(?:[ _-]?\d+)?$",
    re.IGNORECASE,
)


def notes_on(names: Sequence[str], places: Iterable[Place]) -> list[str]:
    """Return the warnings about classes and their files, a sentence each."""
    return [
        *(_called_as(name, "a split is") for name in names if is_split_name(name)),
        *(_called_as(name, "a kind of files is") for name in names if is_kind_name(name)),
        *_alike(names),
        *_masks(places),
    ]


def _called_as(name: str, what: str) -> str:
    return f"warning: the class {name!r} is called as {what}; if it is none, move it elsewhere"


def _alike(classes: Iterable[str]) -> list[str]:
    """Say which classes are written almost alike: `Cat` and `cat `, `cat` and `cat (1)`."""
    groups: dict[str, list[str]] = {}
    for label in classes:
        groups.setdefault(look(label), []).append(label)
    return [
        f"warning: the classes {' and '.join(map(repr, group))} are written almost alike: are they"
        " one? then put their pictures into one folder"
        for group in groups.values()
        if len(group) > 1
    ]


def _masks(places: Iterable[Place]) -> list[str]:
    """Say which files are called as masks of others beside them: 1.png and 1_mask.png."""
    found = [path for place in places for one in folders_below(place.folder) for path in _of(one)]
    if not found:
        return []
    what = "1 file is called as a mask or the like of another is"
    if len(found) > 1:
        what = f"{len(found):,} files are called as masks or the like of others are"
    return [f"warning: {what}, such as {shown(found[0])}: move them elsewhere if they are"]


def _of(folder: Folder) -> Iterator[str]:
    together = "\n".join(folder.files).lower()
    if not any(word in together for word in _WORDS):  # of a million names, in a tenth of the time
        return
    called = [name for name in folder.files if _MASK.search(os.path.splitext(name)[0])]
    stems = {os.path.splitext(name)[0] for name in folder.files} if called else set()
    for name in called:
        if _MASK.sub("", os.path.splitext(name)[0]) in stems:
            yield os.path.join(folder.name, name)
