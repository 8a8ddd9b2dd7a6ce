"""Read a tree in one given way: its classes, their splits, and what is not used."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .layout import (
    EXPECTED,
    SPLITS,
    Ignored,
    Layout,
    Place,
    Reading,
    UnusableLayout,
    check_names,
    few,
    shown,
)
from .names import is_set_aside, look
from .notes import notes_on
from .structure import families, filled, inside, pictures_of, split_of, splits_of
from .walk import Folder, Tree, folders_below

_PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")


def read_as(layout: Layout, tree: Tree) -> Reading:
    """Read a tree as that layout. Raises UnusableLayout where it is none."""
    reader = _Reader(tree)
    readers: Mapping[Layout, Callable[[], None]] = {
        "class": reader.read_classes,
        "split/class": reader.read_splits,
        "class/split": reader.read_splits_of_classes,
        "group/class": reader.read_groups,
        "class+test": reader.read_classes_alone,
    }
    readers[layout]()
    return reader.reading()


@dataclass
class _Reader:
    """What is known of a tree so far; `root` is the folder inside those that only wrap it."""

    tree: Tree
    places: list[Place] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self._enter(self.tree.top)

    def read_classes(self) -> None:
        """Read DIR/<class>."""
        self._add_classes(self.root, None)

    def read_classes_alone(self) -> None:
        """Read DIR/<class>, without what is kept apart: DIR/test, unlabelled pictures."""
        self._add_classes(self.root, None, without=is_set_aside)

    def read_groups(self) -> None:
        """Read DIR/<group>/<class>."""
        self._leave_out_beside(self.root, filled(self.root))
        for group in filled(self.root):
            self._add_classes(self._enter(group), None)

    def read_splits(self) -> None:
        """Read DIR/<split>/<class>."""
        given = _split_folders(self.root)
        if given["train"] is not self.root:
            self._leave_out_beside(self.root, given.values())
        train = {each.name for each in filled(inside(given["train"]))}
        for split in ("valid", "test"):
            if split in given and _is_flat(given[split], train):
                self._leave_out(given.pop(split), "{} without classes")
        tops = {split: self._enter(folder) for split, folder in given.items()}
        names = {each.name for top in tops.values() for each in filled(top)}
        self._check_differences(
            {split: names & {each.name for each in top.folders} for split, top in tops.items()}
        )
        for split, top in tops.items():
            self._add_classes(top, split, also=names)

    def read_splits_of_classes(self) -> None:
        """Read DIR/<class>/<split>."""
        self._leave_out_beside(self.root, filled(self.root))
        for label in filled(self.root):
            top = self._enter(label)
            found = [(split, each) for each in filled(top) if (split := split_of(each.name))]
            if "train" not in {split for split, _ in found}:
                raise UnusableLayout(f"{top.path} holds no train folder; every class needs one")
            self._leave_out_beside(top, [each for _, each in found])
            self.places += [Place(label.name, split, each) for split, each in found]

    def reading(self) -> Reading:
        """Check the classes and return what was read."""
        names = sorted({place.label for place in self.places})
        if not names:
            raise UnusableLayout(_nothing_found(self.root))
        _check_classes(names, self.root.path)
        given = {place.split for place in self.places}
        drawn = _drawn(given)
        places = [replace(p, split=None) if p.split in drawn else p for p in self.places]
        cuts = [split for split in drawn if split != "train" and None not in given]
        notes = [f"no folder gives {split} its classes: it is cut out of train" for split in cuts]
        for (name, why), count in sorted(self.tree.left_out.items()):
            times = f", {count:,} times" if count > 1 else ""
            self.ignored.append(Ignored(shown(name), f"{why}{times}"))
        return Reading(
            root=self.root.path,
            classes=tuple(names),
            places=tuple(places),
            drawn=drawn,
            ignored=tuple(self.ignored),
            notes=(*notes, *notes_on(names, places)),
        )

    def _enter(self, folder: Folder) -> Folder:
        """Step into what a folder only wraps, leaving out what lies beside it."""
        target = inside(folder)
        while folder is not target:
            (inner,) = filled(folder)
            self._leave_out_beside(folder, [inner])
            folder = inner
        return folder

    def _add_classes(
        self,
        top: Folder,
        split: str | None,
        also: Iterable[str] = (),
        without: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Take the folders with pictures as classes, and those that are classes elsewhere."""
        found = [each for each in top.folders if each.total or each.name in also]
        classes = [each for each in found if not without(each.name)]
        self._leave_out_beside(top, classes)
        for each in classes:
            pictures = pictures_of(each)
            if pictures is not each:
                self._leave_out_beside(self._enter(each), [pictures])
            self.places.append(Place(each.name, split, pictures))

    def _leave_out_beside(self, folder: Folder, kept: Iterable[Folder]) -> None:
        names = {each.name for each in kept}
        if folder.files:
            more = f" and {len(folder.files) - 1:,} more" if len(folder.files) > 1 else ""
            first = self._name(os.path.join(folder.path, folder.files[0]))
            self.ignored.append(Ignored(f"{first}{more}", "beside the folders"))
        for inner in folder.folders:
            if inner.name not in names:
                self._leave_out(inner, "{}, neither a class nor a split")

    def _leave_out(self, folder: Folder, why: str) -> None:
        pictures = f"{folder.total:,} picture{'s' if folder.total > 1 else ''}"
        reason = why.format(pictures) if folder.total else "no picture in it"
        self.ignored.append(Ignored(f"{self._name(folder.path)}/", reason))

    def _name(self, path: str) -> str:
        return shown(os.path.relpath(path, self.tree.top.path))

    def _check_differences(self, classes: Mapping[str, set[str]]) -> None:
        where = self.root.path
        for split in (split for split in classes if split != "train"):
            train, other = classes["train"], classes[split]
            check_names(
                train | other,
                f"the class folders of train and {split} in {where}",
                f"rename them to one form (convmv -f utf8 -t utf8 --nfc -r --notest {where})",
            )
            if difference := sorted(train ^ other):
                first = difference[0]
                only, lacking = ("train", other) if first in train else (split, train)
                alike_there = [one for one in lacking if look(one) == look(first)]
                written = f", {alike_there[0]!r} in the other" if alike_there else ""
                raise UnusableLayout(
                    f"the class folders of train and {split} in {where} differ: {few(difference)}"
                    f" ({first} only in {only}{written}); every split needs the same classes"
                )


def _nothing_found(root: Folder) -> str:
    what = f"{root.path} holds no class folders with pictures in them; {EXPECTED}"
    folders = folders_below(root)
    archives = [name for each in folders for name in each.files if name.lower().endswith(_PACKED)]
    return f"{what}; it holds archives, {few(archives)}: unpack them first" if archives else what


def _check_classes(names: Sequence[str], where: str) -> None:
    if len(names) == 1:
        what = f"{where} holds one class only ({names[0]})"
        raise UnusableLayout(f"{what}; a classifier needs two or more")
    for name in names:
        if not name.isprintable():
            what = f"the class folder {name!r} in {where}"
            raise UnusableLayout(f"{what} has unprintable letters; rename")
    check_names(names, f"the class folders of {where}", "move the pictures of one into the other")


def _split_folders(root: Folder) -> dict[str, Folder]:
    """Return the folder of each split that is there, train among them."""
    with_train = [each for each in families(filled(root)) if "train" in each.folders]
    family = splits_of(root) or (with_train[0] if len(with_train) == 1 else None)
    if not with_train and split_of(root.name) == "train":
        return {"train": root}  # the others were left out by who brought the pictures here
    if family is None:
        found = "several folders" if with_train else "no folder"
        raise UnusableLayout(f"{root.path} holds {found} for the train split; keep one")
    for split, folders in family.folders.items():
        if len(folders) > 1 and split in SPLITS:
            names = " and ".join(sorted(folder.name for folder in folders))
            raise UnusableLayout(f"{root.path} has {names}: keep one folder for the {split} split")
    return {split: family.folders[split][0] for split in SPLITS if split in family.folders}


def _is_flat(split: Folder, classes: set[str]) -> bool:
    """Check whether a split's pictures lie in it without classes, or in one folder for all."""
    inner = filled(inside(split))
    return not inner or (len(inner) == 1 and inner[0].name not in classes)


def _drawn(given: set[str | None]) -> tuple[str, ...]:
    """Return the splits that pictures are drawn for; where one is missing, train is divided."""
    if None in given:
        return SPLITS
    missing = [split for split in SPLITS if split not in given]
    return ("train", *missing) if missing else ()
