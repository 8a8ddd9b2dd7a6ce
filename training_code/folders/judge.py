"""Judge how a tree is meant, or refuse to guess: read wrongly, a model learns to say `test`."""

from collections.abc import Iterator, Sequence

from .layout import AmbiguousLayout, Choice, Layout, class_line, few
from .names import are_numbered_parts, is_set_aside, meaning_of
from .structure import Family, families, filled, inside, is_nested, pictures_of, split_of, splits_of
from .walk import Folder

_FEW = 3  # folders that are offered by themselves
Doubts = Iterator[tuple[str, list[Choice]]]  # why one doubts, and what one may choose


def judge(top: Folder) -> Layout:
    """Return the layout of a tree. Raises AmbiguousLayout where it can be meant in several ways."""
    root = inside(top)
    family = splits_of(root)
    doubts: list[Doubts] = [_outweighed(root, family), _within_train(family)] if family else []
    if not family and len(filled(root)) > 1:
        doubts = [_like_splits(root), _parts(root), _kinds(root), _copies(root)]
        doubts += [_nested(root), _partly_nested(root), _set_aside(root), _loose(top, root)]
    for why, choices in (doubt for found in doubts for doubt in found):
        raise AmbiguousLayout(why, choices)
    return "split/class" if family else "class"


def _outweighed(root: Folder, family: Family) -> Doubts:
    """Doubt splits beside folders with more pictures: these may be the classes."""
    others = [each for each in filled(root) if each not in family.members()]
    if sum(each.total for each in others) > sum(each.total for each in family.members()):
        names = few([folder.name for folder in others])
        why = f"{root.path} has splits, but most of its pictures are in others: {names}"
        yield why, [_as_splits(family), _as_classes(filled(root))]


def _within_train(family: Family) -> Doubts:
    """Doubt the classes in a train folder as one doubts classes anywhere."""
    for train in map(inside, family.folders["train"]):
        doubts = (_kinds(train), _copies(train), _nested(train), _partly_nested(train))
        for why, choices in (each for found in doubts for each in found):
            inner = [choice for choice in choices if choice.folder]
            yield why, [_as_splits(family), *inner]


def _copies(root: Folder) -> Doubts:
    """Doubt a class that holds folders called as the classes beside it are."""
    names = {folder.name for folder in filled(root)}
    for folder in filled(root):
        inner = {each.name for each in filled(inside(folder))}
        if len(inner & names - {folder.name}) > 1:
            why = f"{folder.path} holds folders that are called as those beside it"
            yield why, [_only(folder), _as_classes(filled(root))]


def _loose(top: Folder, root: Folder) -> Doubts:
    """Doubt classes beside which most pictures lie in no folder."""
    folders = filled(root)
    within = sum(folder.total for folder in folders)
    if top.total - within > within:
        why = f"{top.path} holds more pictures beside its folders than in them"
        yield why, [_as_classes(folders)]


def _like_splits(root: Folder) -> Doubts:
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


def _parts(root: Folder) -> Doubts:
    """Doubt classes that are called as numbered parts of one set are."""
    folders = filled(root)
    inner = [len(filled(inside(folder))) for folder in folders]
    if are_numbered_parts(folder.name for folder in folders) and max(inner) < 2:
        names = few([folder.name for folder in folders])
        why = f"{root.path} has {names}, which are called as parts of one set are, not as classes"
        yield f"{why}: put the pictures into one folder a class", [_as_classes(folders)]


def _kinds(root: Folder) -> Doubts:
    """Doubt classes that are called as kinds of files are: images and masks."""
    folders = filled(root)
    kinds = [meaning_of(folder.name).kind for folder in folders]
    if {*kinds} == {"pictures", "others"}:
        names = " and ".join(folder.name for folder in folders)
        pictures = [each for each, kind in zip(folders, kinds, strict=True) if kind == "pictures"]
        inner = [_only(each) for each in pictures if len(filled(inside(each))) > 1]
        why = f"{root.path} has {names}, which are called as kinds of files are, not as classes"
        yield why, [*inner, _as_classes(folders)]


def _nested(root: Folder) -> Doubts:
    """Doubt classes that all hold folders of their own: either level may be the classes."""
    folders = filled(root)
    inner = [{each.name for each in filled(inside(pictures_of(folder)))} for folder in folders]
    if not all(map(is_nested, folders)) or max(map(len, inner), default=0) < 2:
        return
    same = all(names == inner[0] for names in inner)
    holds = "the same folders" if same else "folders of their own"
    why = f"the folders of {root.path} all hold {holds}, {few(sorted(set().union(*inner)))}"
    split = [_only(folder) for folder in folders if splits_of(inside(folder))][:_FEW]
    if _are_splits(folders):
        labels = class_line([folder.name for folder in folders])
        inner_split = Choice(f"{labels}, split by the folders in them", "class/split")
        yield why, [*split, inner_split, _as_classes(folders)]
    elif split:  # data sets side by side
        yield why, [*split, _as_classes(folders)]
    else:
        one = [_only(folders[0])] if same else []
        yield why, [_as_classes(folders), *_groups_of(folders), *one]


def _partly_nested(root: Folder) -> Doubts:
    """Doubt classes of which one holds what may be the classes, or splits, and another none."""
    folders = filled(root)
    nested = [each for each in folders if is_nested(each) and pictures_of(each) is each]
    if len(nested) == len(folders):
        return
    for folder in nested:
        inner = filled(inside(folder))
        names = few([each.name for each in inner])
        if splits_of(inside(folder)) or len(inner) > max(1, len(folders) - 1):
            why = f"{folder.path} holds folders, {names}; one beside it holds none"
            yield why, [_only(folder), _as_classes(folders)]
        elif _are_splits([folder]):
            why = f"{folder.path} is split into {names}; one beside it is not"
            yield f"{why}: split all or none", [_as_classes(folders)]


def _set_aside(root: Folder) -> Doubts:
    """Doubt classes that are called as what is kept apart from classes: test, or unlabelled."""
    folders = filled(root)
    apart = [folder.name for folder in folders if is_set_aside(folder.name)]
    others = [folder.name for folder in folders if folder.name not in apart]
    if apart:
        words = f"{class_line(others)}, without {few(apart)}"
        alone = [Choice(words, "class+test")] if len(others) > 1 else []
        why = f"{root.path} has {few(apart)}, called as what is kept apart from classes is"
        beside = f", beside {few(others)}" if others else ""
        yield f"{why}{beside}", [*alone, _as_classes(folders)]


def _are_splits(folders: Sequence[Folder]) -> bool:
    """Check whether the folders in these are splits, and train is among them."""
    roles = {split_of(each.name) for folder in folders for each in filled(inside(folder))}
    return "train" in roles and None not in roles


def _as_splits(family: Family) -> Choice:
    names = {each.name for train in family.folders["train"] for each in filled(inside(train))}
    splits = few(sorted(folder.name for folder in family.members()))
    return Choice(f"{class_line(sorted(names))}, split into {splits}", "split/class")


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
