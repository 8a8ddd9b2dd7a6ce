"""Describe how the folders of a data set were read: its classes, where they lie, what is left out.

class         DIR/<class>/<picture>            split/class   DIR/{train,valid,test}/<class>/…
class/split   DIR/<class>/{train,…}/<picture>  group/class   DIR/<group>/<class>/<picture>
class+test    DIR/<class>/<picture>, and DIR/test/<picture> that are kept apart
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from .walk import Folder, files_below

Layout = Literal["class", "split/class", "class/split", "group/class", "class+test"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
AUTO = "auto"
SPLITS = ("train", "valid", "test")
EXPECTED = "expected DIR/<class>/<picture> or DIR/{train,valid,test}/<class>/<picture>"
_FEW = 6  # names that are all said
_MOST_IGNORED = 6


class UnusableLayout(ValueError):
    """The folders are no data set; the message says what is wrong with which."""


@dataclass(frozen=True)
class Choice:
    """One way to read a tree: in words, and the layout, or the folder in it, that says so."""

    words: str
    layout: Layout | None = None
    folder: str | None = None


class AmbiguousLayout(UnusableLayout):
    """The folders can be meant in several ways: `why` one doubts, and the `choices`."""

    def __init__(self, why: str, choices: Sequence[Choice]) -> None:
        self.why = why
        self.choices = tuple(choices)
        super().__init__(self.worded(str))

    def worded(self, folder_way: Callable[[str], str]) -> str:
        """Say what may be chosen, and how; `folder_way` says it of a folder."""
        ways = (
            f"{one.words}: "
            f"{f'--set data.layout={one.layout}' if one.layout else folder_way(str(one.folder))}"
            for one in self.choices
        )
        return f"{self.why}; say which is meant. {'; '.join(ways)}"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with pictures of one class; `split` is None where it is still to be drawn."""

    label: str
    split: str | None
    folder: Folder


@dataclass(frozen=True, slots=True)
class Ignored:
    """What lies in the data set and is not used, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


@dataclass(frozen=True)
class Reading:
    """The classes of a data set, sorted, and where their pictures lie, below `root`.

    `drawn` are the splits that the pictures without one are divided among; `notes` are what a
    person should know of it, a sentence each.
    """

    root: str
    classes: tuple[str, ...]
    places: tuple[Place, ...]
    drawn: tuple[str, ...]
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()

    def files(self) -> Iterator[tuple[Place, str]]:
        """Yield (place, path) of every file, pictures or not."""
        return ((place, path) for place in self.places for path in files_below(place.folder))

    def lines(self) -> list[str]:
        """Return what a person should see before anything is computed, the classes first."""
        sizes = dict.fromkeys(SPLITS, 0)
        for place in self.places:
            sizes[place.split or "train"] += place.folder.total
        if self.drawn == SPLITS:
            first = f"{class_line(self.classes)}; {sizes['train']:,} pictures, not split yet"
        else:
            first = class_line(self.classes, {split: n for split, n in sizes.items() if n})
        return [first, *self.notes, *ignored_lines(self.ignored)]


def class_line(classes: Sequence[str], sizes: Mapping[str, int] | None = None) -> str:
    """Say what was read: `120 classes: Affenpinscher, Afghan_hound, …; train 6,720, valid 840`."""
    line = f"{len(classes):,} classes: {named(classes)}"
    return f"{line}; {', '.join(f'{k} {n:,}' for k, n in sizes.items())}" if sizes else line


def ignored_lines(ignored: Sequence[Ignored]) -> list[str]:
    """Say what is not used, a line each, and how much more there is."""
    lines = [f"ignored: {one}" for one in ignored[:_MOST_IGNORED]]
    more = len(ignored) - _MOST_IGNORED
    return [*lines, f"ignored: {more:,} more"] if more > 0 else lines


def named(names: Sequence[str]) -> str:
    """List names, the first two of many."""
    shown = names if len(names) <= _FEW else [*names[:2], "…"]
    return ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in shown)


def few(names: Sequence[str]) -> str:
    """List names for an error, the first three of many with the number of the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def shown(name: str) -> str:
    """Return a name as a log or terminal can show it, whatever bytes it is made of."""
    return name if name.isprintable() else repr(name)[1:-1]


def check_names(names: Iterable[str], whose: str, mend: str) -> None:
    """Raise UnusableLayout for two names that look the same: an accent may be its own letter."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        form = unicodedata.normalize("NFC", name)
        other = seen.setdefault(form, name)
        if other != name:
            raise UnusableLayout(
                f"{whose} have {form} in two Unicode forms, {other!a} and {name!a}: the same"
                f" letters, but two names; {mend}"
            )
