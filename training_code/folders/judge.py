"""Judge how a tree is meant, or refuse to guess: read wrongly, a model learns to say `test`."""

from collections.abc import Iterator, Sequence

from .layout import AmbiguousLayout, Choice, Layout, class_line, few
from .names import meaning_of
from .structure import Family, families, filled, inside, is_nested, split_of, splits_of
from .walk import Folder


def judge(root: Folder) -> Layout:
    """Return the layout of a tree from its `root`, inside what only wraps it.

    Raises AmbiguousLayout where it can be meant in several ways.
    """
    if splits_of(root):
        return "split/class"
    folders = filled(root)
    if len(folders) > 1:
        for why, choices in (*_like_splits(root), *_kinds(root), *_nested(root)):
            raise AmbiguousLayout(why, choices)
    return "class"


def _like_splits(root: Folder) -> Iterator[tuple[str, list[Choice]]]:
    """Doubt classes that are called as splits are, and a split beside folders without classes."""
    folders = filled(root)
    for family in families(folders):
        members = family.members()
        if len(family.folders) > 1 and (family.has_splits or len(members) == len(folders)):
            yield _no_classes(root, family), [_as_classes(folders), *_groups_of(folders)]
    for folder in folders:
        split, others = split_of(folder.name), [each for each in folders if each is not folder]
        classes = filled(inside(folder))
        if split and len(classes) > 1 and is_nested(folder) and not any(map(is_nested, others)):
            why = f"{folder.path} is called as a split is and holds folders; those beside hold none"
            yield why, [_only(folder), _as_classes(folders)]


def _no_classes(root: Folder, family: Family) -> str:
    names = " and ".join(sorted(folder.name for folder in family.members()))
    why = f"{root.path} has {names}, which are called as splits are, but"
    if "train" not in family.folders:
        return f"{why} no train folder"
    if family.is_structured:
        return f"{why} there are others, too"
    train = family.folders["train"][0].name
    return f"{why} {train} holds no class folders ({train}/<class>/<picture>)"


def _kinds(root: Folder) -> Iterator[tuple[str, list[Choice]]]:
    """Doubt classes that are called as kinds of files are: images and masks."""
    folders = filled(root)
    kinds = [meaning_of(folder.name).kind for folder in folders]
    if {*kinds} == {"pictures", "others"}:
        names = " and ".join(folder.name for folder in folders)
        pictures = [each for each, kind in zip(folders, kinds, strict=True) if kind == "pictures"]
        inner = [_only(each) for each in pictures if len(filled(inside(each))) > 1]
        why = f"{root.path} has {names}, which are called as kinds of files are, not as classes"
        yield why, [*inner, _as_classes(folders)]


def _nested(root: Folder) -> Iterator[tuple[str, list[Choice]]]:
    """Doubt classes that all hold folders of their own: either level may be the classes."""
    folders = filled(root)
    inner = [{each.name for each in filled(inside(folder))} for folder in folders]
    if not all(map(is_nested, folders)) or max(map(len, inner)) < 2:
        return
    same = all(names == inner[0] for names in inner)
    holds = "the same folders" if same else "folders of their own"
    why = f"the folders of {root.path} all hold {holds}, {few(sorted(set().union(*inner)))}"
    one = [_only(folders[0])] if same or splits_of(inside(folders[0])) else []
    if _are_splits(folders):
        one = one if splits_of(inside(folders[0])) else []
        labels = class_line([folder.name for folder in folders])
        split = Choice(f"{labels}, split by the folders in them", "class/split")
        yield why, [*one, split, _as_classes(folders)]
    else:
        yield why, [_as_classes(folders), *_groups_of(folders), *one]


def _are_splits(folders: Sequence[Folder]) -> bool:
    """Check whether the folders in these are splits, and train is among them."""
    roles = {split_of(each.name) for folder in folders for each in filled(inside(folder))}
    return "train" in roles and None not in roles


def _as_classes(folders: Sequence[Folder]) -> Choice:
    return Choice(class_line([folder.name for folder in folders]), "class")


def _groups_of(folders: Sequence[Folder]) -> list[Choice]:
    """Return the choice of the folders in these as classes, where each has some."""
    names = sorted({each.name for folder in folders for each in filled(inside(folder))})
    if len(names) < 2 or not all(map(is_nested, folders)):
        return []
    return [Choice(f"{class_line(names)}, all groups together", "group/class")]


def _only(folder: Folder) -> Choice:
    names = [each.name for each in filled(inside(folder))]
    if family := splits_of(inside(folder)):
        words = f"{folder.name} alone, split into {few(sorted(family.folders))}"
        return Choice(words, folder=folder.path)
    return Choice(f"{folder.name} alone, {class_line(names)}", folder=folder.path)
