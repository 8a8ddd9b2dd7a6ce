"""See the structure of a tree: what wraps what, what holds pictures, whose names match."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .layout import SPLITS
from .names import meaning_of
from .walk import Folder

_STRAY = 10  # one picture in so many may lie beside the folders that hold the others


@dataclass(frozen=True)
class Family:
    """Folders that belong together by their names, by role: train, valid, test, unlabelled."""

    folders: Mapping[str, Sequence[Folder]]

    @property
    def has_splits(self) -> bool:
        """Whether there is a train folder, and another that is not for training."""
        return "train" in self.folders and len(self.folders) > 1

    @property
    def is_structured(self) -> bool:
        """Whether the train folder holds folders, which may be classes."""
        return any(filled(inside(folder)) for folder in self.folders.get("train", ()))

    def members(self) -> list[Folder]:
        """Return its folders."""
        return [folder for folders in self.folders.values() for folder in folders]


def filled(folder: Folder) -> list[Folder]:
    """Return the sub-folders with pictures in them, however deep."""
    return [inner for inner in folder.folders if inner.total]


def inside(folder: Folder) -> Folder:
    """Return the folder that holds classes or splits, inside folders that only wrap it."""
    while len(inner := filled(folder)) == 1 and filled(inner[0]):
        folder = inner[0]
    return folder


def pictures_of(folder: Folder) -> Folder:
    """Return a class's folder with the pictures, where masks or the like lie beside it."""
    inner = filled(inside(folder))
    kinds = [meaning_of(each.name).kind for each in inner]
    if None not in kinds and "others" in kinds and kinds.count("pictures") == 1:
        return inner[kinds.index("pictures")]
    return folder


def is_nested(folder: Folder) -> bool:
    """Check whether a folder's pictures lie in folders of their own, but for some strays."""
    deeper = sum(inner.total for inner in filled(inside(folder)))
    return deeper > 0 and (folder.total - deeper) * _STRAY <= folder.total


def families(folders: Iterable[Folder]) -> list[Family]:
    """Group folders that are called as splits are by the rest of their names."""
    found: dict[tuple[str, ...], dict[str, list[Folder]]] = defaultdict(lambda: defaultdict(list))
    for folder in folders:
        meaning = meaning_of(folder.name)
        if meaning.role:
            found[meaning.family][meaning.role].append(folder)
    for roles in found.values():
        if evaluations := roles.pop("evaluation", []):
            # the test split, unless there is another
            roles["valid" if "test" in roles else "test"].extend(evaluations)
    return [Family(dict(roles)) for roles in found.values()]


def splits_of(folder: Folder) -> Family | None:
    """Return the family of splits that a folder holds, if its folders can be read as one."""
    found = [each for each in families(filled(folder)) if each.has_splits and each.is_structured]
    return found[0] if len(found) == 1 else None


def is_split_name(name: str) -> bool:
    """Check whether a name means a split and nothing else: `val`, and not `dogs_val`."""
    return split_of(name) is not None and not meaning_of(name).family


def split_of(name: str) -> str | None:
    """Return the split that a folder's name says by itself."""
    role = meaning_of(name).role
    return "test" if role == "evaluation" else role if role in SPLITS else None
