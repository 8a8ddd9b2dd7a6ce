"""Put together what a person should see of a data set, for review.json."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from extraction.seen_test_pictures import Compared
from pictures.dataset import Split, write_json
from pictures.outlines import Squares
from review.copies import MOST, find_pairs
from review.labels import Judged, judge
from review.nearest import find_nearest
from review.space import Space, Values
from review.unlike import find_unlike

FILE = "review.json"
_WRONG, _DOUBTFUL = 1.0, 0.02  # odds of being wrong, from which on a label is called so
_MOST_LISTED = 1000  # of each kind
_MOST_MIXING = 30
_LARGEST_LOG = 30.0


@dataclass(frozen=True)
class Seen:
    """A picture as the review names it: `content` is the sha256 of its file."""

    file: str
    split: str
    label: str
    content: str


@dataclass(frozen=True)
class Suspect:
    """A picture whose label may be wrong, what it then is, and the odds of wrong against right."""

    picture: Seen
    likely: str
    odds: float


@dataclass(frozen=True)
class Copied:
    """A picture that is nearly the same as another, which stays when it is removed."""

    picture: Seen
    like: Seen
    likeness: float


@dataclass(frozen=True)
class Unlike:
    """A picture unlike all others, and how like the most alike one is by features."""

    picture: Seen
    similarity: float


@dataclass(frozen=True)
class Mixing:
    """Two classes, and how many of their pictures look more like the other's."""

    first: str
    second: str
    mixed: int
    pictures: int


@dataclass(frozen=True)
class Review:
    """What a person should see, of each kind the most doubtful first; `notes` say what is missing.

    Labels of `suspects` are rather wrong than right; `doubtful` are those that come after them.
    `found` counts each kind, also where not all are listed.
    """

    pictures: int
    suspects: tuple[Suspect, ...]
    doubtful: tuple[Suspect, ...]
    copies: tuple[Copied, ...]
    unlike: tuple[Unlike, ...]
    mixing: tuple[Mixing, ...]
    found: dict[str, int]
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """Say how many there are of each kind."""
        wrong, copies, unlike = (self.found[kind] for kind in ("suspects", "copies", "unlike"))
        return (
            f"{wrong:,} labels are probably wrong, {copies:,} pictures are copies of others,"
            f" {unlike:,} are unlike all others"
        )


@dataclass(frozen=True)
class Part:
    """A split's pictures with their features, and the names and contents of their files."""

    name: str
    split: Split
    features: np.ndarray
    contents: Sequence[str]

    def seen(self, row: int, classes: Sequence[str]) -> Seen:
        """Return a picture by its row."""
        label = classes[self.split.labels[row]]
        return Seen(self.split.files[row], self.name, label, self.contents[row])


def review(parts: Sequence[Part], classes: Sequence[str], tested: Sequence[Copied] = ()) -> Review:
    """Review the splits that training sees; `tested` are copies of test pictures among them."""
    features = np.concatenate([part.features for part in parts])
    labels = np.concatenate([part.split.labels for part in parts])
    pictures = [part.seen(row, classes) for part in parts for row in range(len(part.split.files))]
    space = Space(features)
    judged = judge(space, labels, len(classes))
    ranked = np.argsort(-judged.log_odds, kind="stable")
    ranked = ranked[judged.log_odds[ranked] >= np.log(_DOUBTFUL)]
    suspects = [_suspect(pictures[row], row, judged, classes) for row in ranked.tolist()]
    wrong = int((judged.log_odds >= np.log(_WRONG)).sum())
    copies, unlike, notes = _alike(space, features, pictures, parts)
    copies = [*tested, *copies]
    found = {"suspects": wrong, "copies": len(copies), "unlike": len(unlike)}
    notes += [
        f"{count:,} {kind} were found, the first {_MOST_LISTED:,} are listed"
        for kind, count in found.items()
        if count > _MOST_LISTED
    ]
    return Review(
        pictures=len(pictures),
        suspects=tuple(suspects[:wrong][:_MOST_LISTED]),
        doubtful=tuple(suspects[wrong:_MOST_LISTED]),
        copies=tuple(copies[:_MOST_LISTED]),
        unlike=tuple(unlike[:_MOST_LISTED]),
        mixing=_mixing(labels, judged, classes),
        found=found,
        notes=tuple(notes),
    )


def copies_of_tested(
    compared: Compared,
    parts: Sequence[Part],
    test: Split,
    contents: Sequence[str],
    classes: Sequence[str],
) -> list[Copied]:
    """Return the pictures that training sees and that are nearly test pictures."""
    rows = {
        (part.name, file): (part, row)
        for part in parts
        for row, file in enumerate(part.split.files)
    }
    tests = {file: row for row, file in enumerate(test.files)}
    found = []
    for one in compared.seen:
        if not one.same_file:  # a decision by content would take both: Prepare names those
            part, row = rows[one.split, one.like]
            number = tests[one.file]
            tested = Seen(one.file, "test", classes[test.labels[number]], contents[number])
            found.append(Copied(part.seen(row, classes), tested, one.likeness))
    return found


def write_review(folder: Path, found: Review) -> None:
    """Write review.json."""
    write_json(folder / FILE, asdict(found))


def _suspect(picture: Seen, row: int, judged: Judged, classes: Sequence[str]) -> Suspect:
    odds = float(np.exp(min(judged.log_odds[row], _LARGEST_LOG)))
    return Suspect(picture, classes[judged.likely[row]], float(f"{odds:.3g}"))


def _alike(
    space: Space, features: Values, pictures: Sequence[Seen], parts: Sequence[Part]
) -> tuple[list[Copied], list[Unlike], list[str]]:
    if len(pictures) > MOST:
        why = f"more than {MOST:,} pictures are not compared with one another"
        return [], [], [f"copies in train and valid, and strangers, were not looked for: {why}"]
    nearest = find_nearest(space)
    images: list[Squares] = [image for part in parts for image in part.split.images]
    copies = [
        _copied(pictures[pair.first], pictures[pair.second], pair.likeness)
        for pair in find_pairs(nearest, images)
        if pictures[pair.first].content != pictures[pair.second].content
    ]
    rows, cosines = find_unlike(features, nearest.row)
    unlike = [
        Unlike(pictures[row], round(alike, 4))
        for row, alike in zip(rows.tolist(), cosines.tolist(), strict=True)
    ]
    return copies, unlike, []


def _copied(first: Seen, second: Seen, likeness: float) -> Copied:
    """Return the pair: the one in train goes rather than the one in valid."""
    if second.split == "train" or first.split != "train":
        first, second = second, first
    return Copied(first, second, likeness)


def _mixing(labels: np.ndarray, judged: Judged, classes: Sequence[str]) -> tuple[Mixing, ...]:
    counts = np.bincount(labels, minlength=len(classes))
    others = np.flatnonzero(judged.looks != labels)
    pairs = Counter(
        tuple(sorted((int(labels[row]), int(judged.looks[row])))) for row in others.tolist()
    )
    rows = [
        Mixing(classes[one], classes[other], mixed, int(counts[one] + counts[other]))
        for (one, other), mixed in pairs.items()
    ]
    rows.sort(key=lambda one: (-one.mixed / one.pictures, one.first, one.second))
    return tuple(rows[:_MOST_MIXING])
