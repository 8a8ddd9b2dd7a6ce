"""Read the data set of a run once, and find its pictures by split and row: never by a path."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pipeline.report.sections.dataset import Dataset, Duplicate, read_dataset
from pipeline.report.seen import SeenPicture, read_seen
from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, Facts, read_facts
from pipeline.report.sources.pictures import (
    Squares,
    open_squares,
    read_files,
    read_labels,
    read_square,
)
from pipeline.report.sources.source import Absent, Source

THUMBNAIL = 160  # pixels
_AT_A_TIME = 4  # pictures in memory as they were prepared: up to 50 MB each
_KEPT = 2  # data sets: a million names take 100 MB
_THUMBNAILS = 1000  # of each: some kilobytes, and on AWS a request
_STEPS = (PREPARE, EXTRACT_FEATURES)
_IN_CLASSES, _IN_SPLITS = "several classes", "several splits"
_HARMS = (_IN_CLASSES, _IN_SPLITS, "")


@dataclass(frozen=True)
class Picture:
    """A picture of a data set: where it lies, and what it is called."""

    split: str
    row: int
    file: str
    label: str


@dataclass(frozen=True)
class SplitRows:
    """The rows of a split: names, classes by number, and where their pixels lie."""

    files: Sequence[str]
    labels: Sequence[int]
    squares: Squares


@dataclass(frozen=True)
class Copies:
    """Pictures that are one: which, how alike they are, and whether that harms.

    `pictures` are those of the files that the prepared data set has under their names.
    """

    kind: str
    likeness: float
    files: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]

    @property
    def harms(self) -> str:
        """Say what is wrong with it; "" for a mere copy."""
        if len(self.classes) > 1:
            return _IN_CLASSES
        return _IN_SPLITS if len(self.splits) > 1 else ""


@dataclass(frozen=True)
class Prepared:
    """A run's data set, opened. `seen`: the test pictures that training saw; None: not asked.

    `lacking` says of a split why its pictures cannot be shown.
    """

    dataset: Dataset
    seen: tuple[SeenPicture, ...] | None
    splits: Mapping[str, SplitRows]
    source: Source
    lacking: Mapping[str, str] = field(default_factory=dict)
    _at_a_time: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_AT_A_TIME), repr=False, compare=False
    )

    def picture(self, split: str, row: int) -> Picture:
        """Return the picture of that split and row. Raises LookupError."""
        rows = self.splits[split]
        if not 0 <= row < min(len(rows.files), len(rows.labels)):
            raise LookupError(f"{split} has no row {row}")
        return Picture(split, row, rows.files[row], self.dataset.classes[rows.labels[row]])

    def thumbnail(self, split: str, row: int) -> bytes:
        """Return a picture as a small JPEG. Raises LookupError, Absent, ValueError."""
        return self._small(split, row)

    @cached_property
    def _small(self) -> Callable[[str, int], bytes]:
        def read(split: str, row: int) -> bytes:
            with self._at_a_time:
                return read_square(self.source, self.splits[split].squares, row, THUMBNAIL)

        return lru_cache(_THUMBNAILS)(read)

    def find(self, file: str) -> Picture | None:
        """Return the picture of that name; None where the data set has none."""
        return next(self._named([file]), None)

    def of_class(self, number: int) -> list[Picture]:
        """Return all pictures of a class, split by split."""
        return [
            self.picture(split, row)
            for split, rows in self.splits.items()
            for row, label in enumerate(rows.labels)
            if label == number
        ]

    def some(self, most: int) -> list[Picture]:
        """Return at most so many pictures of the largest split, evenly spread over its rows."""
        split = max(self.splits, key=lambda name: len(self.splits[name].files), default=None)
        if split is None:
            return []
        count = len(self.splits[split].files)
        step = max(1, count / most)
        rows = dict.fromkeys(int(place * step) for place in range(min(count, most)))
        return [self.picture(split, row) for row in rows]

    def copies(self) -> list[Copies]:
        """List what is there more than once: what harms most first, then what is most alike."""
        found = [self._copies("same file", one) for one in self.dataset.duplicates]
        found += [self._copies("same pixels", one) for one in self.dataset.same_pixels]
        # of the very same files the data set tells already
        found += [self._near(one) for one in self.seen or () if not one.same_file]
        return sorted(found, key=lambda one: (_HARMS.index(one.harms), -one.likeness))

    def _copies(self, kind: str, group: Duplicate) -> Copies:
        pictures = tuple(self._named(group.files))
        return Copies(kind, 1.0, group.files, group.splits, group.classes, pictures)

    def _near(self, one: SeenPicture) -> Copies:
        files = (one.file, one.like)
        pictures = tuple(self._named(files))
        splits = tuple(dict.fromkeys(picture.split for picture in pictures))
        classes = tuple(dict.fromkeys(picture.label for picture in pictures))
        kind = f"nearly the same, likeness {one.likeness:.2f}"
        return Copies(kind, one.likeness, files, splits, classes, pictures)

    def _named(self, files: Sequence[str]) -> Iterator[Picture]:
        for file in files:
            if place := self._places.get(file):
                yield self.picture(*place)

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        return {
            file: (split, row)
            for split, rows in self.splits.items()
            for row, file in enumerate(rows.files)
        }


class PreparedSets:
    """Keeps the data sets that were opened last: what Prepare has written never changes."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, str], Prepared] = OrderedDict()

    def get(self, arn: str, seen: str, source: Source) -> Prepared:
        """Return the data set of a run. Raises Absent, and UsageError for no such run.

        `seen`: the state of the step that compares its pictures, which runs after Prepare.
        """
        key = (arn, seen)
        with self._lock:
            found = self._found.get(key)
        if found is None:
            found = open_prepared(source, arn)
        with self._lock:
            self._found[key] = found
            self._found.move_to_end(key)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
        return found


def open_prepared(source: Source, arn: str) -> Prepared:
    """Open the data set of a run.

    Raises Absent, also for damaged files, and UsageError where there is no such run.
    """
    facts, lacking = read_facts(source, arn, _STEPS), dict[str, str]()
    try:
        dataset, seen = read_dataset(source, facts), read_seen(source, facts)
        splits = dict[str, SplitRows]()
        for split in dataset.counts:
            try:
                splits[split] = _rows(source, facts, split, dataset)
            except Absent as error:
                lacking[split] = str(error)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Absent(f"the data set cannot be read ({type(error).__name__}: {error})") from error
    return Prepared(dataset, seen, splits, source, lacking)


def _rows(source: Source, facts: Facts, split: str, dataset: Dataset) -> SplitRows:
    """Open the rows of a split.

    Raises Absent where its files are gone, the counts are there still, and ValueError for files
    that do not belong together.
    """
    files, labels = read_files(source, facts, split), read_labels(source, facts, split)
    squares = open_squares(source, facts, split)
    known = all(0 <= label < len(dataset.classes) for label in labels)
    if not (known and len(files) == len(labels) == squares.count):
        raise ValueError(f"the files of {split} do not belong together")
    return SplitRows(files, labels, squares)
