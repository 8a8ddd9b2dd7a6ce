"""Define what a project has, what became of it, and what the teardown reports to programs."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "run",
    "kept machine",
    "scaling",
    "endpoint",
    "configuration",
    "model",
    "pipeline",
    "stack",
    "version",
    "group",
    "bucket",
]
End = Literal["", "deleted", "gone", "refused", "held back", "kept"]


@dataclass(frozen=True)
class Thing:
    """Something of the project. `costs` says what it costs, empty where that is nothing.

    `kept` says why it stays, empty where it goes; `arn` is its full name where it has one.
    """

    kind: Kind
    name: str
    costs: str = ""
    kept: str = ""
    arn: str = ""


@dataclass(frozen=True)
class Ended:
    """What became of a thing, and why where that is not plain."""

    thing: Thing
    end: End
    reason: str = ""


@dataclass(frozen=True)
class Unseen:
    """What could not be looked at, and why: it may be there."""

    what: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What a project has, in the order in which it goes, and what could not be looked at."""

    things: tuple[Thing, ...]
    unseen: tuple[Unseen, ...] = ()

    @property
    def going(self) -> tuple[Thing, ...]:
        """What is to be deleted."""
        return tuple(thing for thing in self.things if not thing.kept)


@dataclass(frozen=True)
class TornDown:
    """What there was, what became of it, and what still costs money.

    `executed` is False where it was only looked at. `unseen` could not be looked at, afterwards
    where it was executed.
    """

    project: str
    executed: bool
    ends: tuple[Ended, ...]
    still_costs: tuple[Thing, ...]
    unseen: tuple[Unseen, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to go is gone, and everything could be looked at."""
        stays = [one for one in self.ends if one.end in ("refused", "held back")]
        return not stays and not self.unseen
