"""Put two versions side by side: what they answered, where they differ, what they came from."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.comparing.answers import Disagreement, NotPairedError, PairedAnswers
from pipeline.comparing.measured import paired_answers
from pipeline.console.group import Group
from pipeline.console.place import Place
from pipeline.registry.confusions import (
    Calibration,
    ConfusedPair,
    Confusion,
    calibration_of,
    confused_pairs,
    confusion_of,
)
from pipeline.registry.versions import Version
from pipeline.report.sections.dataset import Dataset, read_dataset
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.pictures import picture_reader
from pipeline.report.sources.source import Absent, Source
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.registry.comparison import Comparison

_SHOWN_PICTURES = 12
_NAMED_PICTURES = 200
_SIDE = 160  # pixels of a shown picture
_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """A test picture that only one version recognised; `address` is a data: URL, None without."""

    of: Disagreement
    address: str | None


@dataclass(frozen=True)
class Pictures:
    """The pictures that only one version recognised: some shown, more of them named, of `total`."""

    shown: tuple[Picture, ...]
    named: tuple[Disagreement, ...]
    total: int


@dataclass(frozen=True)
class Count:
    """A class and how many pictures of it each version's data has in all; 0 for none."""

    name: str
    first: int
    second: int


@dataclass(frozen=True)
class DataDifference:
    """The data of two versions: each side's data set, None with the reason why it is not known."""

    first: Dataset | None
    second: Dataset | None
    reasons: tuple[str, ...]
    counts: tuple[Count, ...]

    @property
    def only_first(self) -> list[str]:
        """The classes that only the first version's data has."""
        return _lacking(self.first, self.second)

    @property
    def only_second(self) -> list[str]:
        """The classes that only the second version's data has."""
        return _lacking(self.second, self.first)


@dataclass(frozen=True)
class SideBySide:
    """Two versions compared, with what only a page has room for."""

    comparison: "Comparison"
    is_paired: bool
    pairs: tuple[ConfusedPair, ...]
    confusions: tuple[Confusion | None, Confusion | None]
    calibrations: tuple[Calibration | None, Calibration | None]
    only_first: Pictures
    only_second: Pictures
    data: DataDifference


def side_by_side(own: Group, comparison: "Comparison") -> SideBySide:
    """Read what a page shows of two versions of a group."""
    source = own.place.source
    first, second = comparison.first, comparison.second
    facts = [_facts(own.place, version.run) for version in (first, second)]
    known = [one for one in facts if isinstance(one, Facts)]
    read = _reader(source, known)
    answers = _answers(own.target, comparison)
    return SideBySide(
        comparison=comparison,
        is_paired=answers is not None,
        pairs=confused_pairs(first, second),
        confusions=(confusion_of(first), confusion_of(second)),
        calibrations=(calibration_of(first), calibration_of(second)),
        only_first=_pictures(answers.only_first if answers else (), read),
        only_second=_pictures(answers.only_second if answers else (), read),
        data=_data(source, (first, second), facts),
    )


def _answers(target: Target, comparison: "Comparison") -> PairedAnswers | None:
    """Read what both answered on the same pictures; None where they were not compared so."""
    try:
        return paired_answers(target.read, comparison.first.measured, comparison.second.measured)
    except NotPairedError:
        return None  # the comparison says why


def _facts(place: Place, run: str | None) -> Facts | str:
    return place.facts(run) if run else "its run is not known"


def _data(
    source: Source, versions: Sequence[Version], facts: Sequence[Facts | str]
) -> DataDifference:
    found = [_dataset(source, one) for one in facts]
    reasons = [
        f"version {version.number}: {one}"
        for version, one in zip(versions, found, strict=True)
        if isinstance(one, str)
    ]
    first, second = (one if isinstance(one, Dataset) else None for one in found)
    counts = tuple(_counts(first, second)) if first and second else ()
    return DataDifference(first, second, tuple(reasons), counts)


def _dataset(source: Source, facts: Facts | str) -> Dataset | str:
    if isinstance(facts, str):
        return facts
    try:
        return read_dataset(source, facts)
    except Absent as error:
        return str(error)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"its dataset.json cannot be read ({type(error).__name__})"


def _counts(first: Dataset, second: Dataset) -> Iterable[Count]:
    """Return the classes whose numbers of pictures differ, the largest difference first."""
    totals = [_totals(dataset) for dataset in (first, second)]
    names = dict.fromkeys((*first.classes, *second.classes))
    counts = [Count(name, totals[0].get(name, 0), totals[1].get(name, 0)) for name in names]
    differing = [one for one in counts if one.first != one.second]
    return sorted(differing, key=lambda one: (-abs(one.first - one.second), one.name))


def _totals(dataset: Dataset) -> dict[str, int]:
    return {
        name: sum(split.get(name, 0) for split in dataset.counts.values())
        for name in dataset.classes
    }


def _lacking(one: Dataset | None, other: Dataset | None) -> list[str]:
    if one is None or other is None:
        return []
    known = set(other.classes)
    return [name for name in one.classes if name not in known]


def _reader(source: Source, facts: Sequence[Facts]) -> Callable[[str], bytes | None]:
    """Return a function that reads a test picture from what either run prepared."""
    readers = [picture_reader(source, one) for one in facts]

    def read(file: str) -> bytes | None:
        found = (reader(file) for reader in readers)
        return next((picture for picture in found if picture), None)

    return read


def _pictures(found: Sequence[Disagreement], read: Callable[[str], bytes | None]) -> Pictures:
    shown = tuple(Picture(one, _address(read(one.file))) for one in found[:_SHOWN_PICTURES])
    return Pictures(shown, tuple(found[_SHOWN_PICTURES:_NAMED_PICTURES]), len(found))


def _address(picture: bytes | None) -> str | None:
    """Return a small copy of a picture as a data: URL."""
    if picture is None:
        return None
    from PIL import Image

    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as opened:
        opened.thumbnail((_SIDE, _SIDE))
        file = io.BytesIO()
        opened.save(file, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
