"""Describe a registered version as the console's pages show it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.comparing.coverage import Coverage
from pipeline.comparing.differences import backbone_words, in_short, without_backbone
from pipeline.comparing.intervals import Interval
from pipeline.endpoint.production import Production
from pipeline.registry.versions import Version

if TYPE_CHECKING:
    from pipeline.registry.origins import Made

_STATES = {
    "Approved": ("Approved", "good"),
    "PendingManualApproval": ("Pending", "check"),
    "Rejected": ("Rejected", "bad"),
}


@dataclass(frozen=True)
class Row:
    """A version, where it runs, and what it was made with where that was read."""

    version: Version
    is_champion: bool
    places: tuple[str, ...]
    made: "Made | None" = None

    @property
    def state(self) -> str:
        """What was decided about it, in words."""
        return _STATES.get(self.version.approval, (self.version.approval or "-", ""))[0]

    @property
    def state_class(self) -> str:
        """The CSS class of what was decided."""
        return _STATES.get(self.version.approval, ("", "none"))[1]

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of its accuracy; None where that is not known."""
        return self.version.measured.interval

    @property
    def coverage(self) -> Coverage | None:
        """How right it is on what it is surest of; None where that is not known."""
        return self.version.measured.coverage

    @property
    def pictures(self) -> int | None:
        """How many pictures it was tested on; None where that is not known."""
        sample = self.version.measured.sample
        return sample[1] if sample else None

    @property
    def backbone(self) -> str:
        """The backbone and its weights, in short."""
        return backbone_words(self.made.chosen if self.made else None)

    @property
    def differs(self) -> str:
        """What it was made with instead of the defaults, in short."""
        found = self.made.differs if self.made else None
        return in_short(None if found is None else without_backbone(found))

    @property
    def run(self) -> str:
        """The id of the run that registered it; empty when that is not known."""
        return self.version.run or ""

    @property
    def data(self) -> str:
        """The fingerprint of the data that it was tested on; empty when that is not known."""
        return self.version.measured.data

    @property
    def commit(self) -> str:
        """The commit of the code that made it; empty when that is not known."""
        return self.version.metadata.get("GitCommit", "")


def row_of(
    version: Version, champion: str | None, found: Production | None, made: "Made | None" = None
) -> Row:
    """Return a version as a row, given the ARN of the champion and what the endpoints run."""
    places = found.places_of(version.arn) if found else ()
    return Row(version, version.arn == champion, places, made)


def number_of(package: str | None) -> int | None:
    """Return a version's number in its ARN; None for what is no version."""
    number = (package or "").rpartition("/")[2]
    return int(number) if number.isascii() and number.isdecimal() else None
