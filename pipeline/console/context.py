"""Hold what the pages of one console share: where they look, and where settings come from."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.console.here import Here
from pipeline.errors import UsageError
from pipeline.local.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.console.place import Place


@dataclass(frozen=True)
class Console:
    """The console that a page belongs to. It keeps nothing: the state folder has everything.

    `account` is where it looks instead of this machine. `ending` is set when it is about to end:
    what waits for changes waits no longer.
    """

    state: Path
    settings: Path
    account: "Place | None" = None
    ending: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def _here(self) -> Here:
        return Here(self.state, self.settings)

    @property
    def place(self) -> "Place":
        """Where its pages look and act."""
        return self.account or self._here

    @property
    def here(self) -> Here:
        """Return this machine, for what has no meaning elsewhere. Raises UsageError on AWS."""
        if self.account:
            raise elsewhere(self.account)
        return self._here

    @property
    def has_state(self) -> bool:
        """Whether anything was ever run here."""
        return self.here.has_state

    @property
    def store(self) -> Store:
        """The local state, one for all threads. Raises UsageError where there is none yet."""
        return self.here.store


def elsewhere(place: "Place") -> UsageError:
    """Return the refusal of what has a meaning on this machine alone."""
    return UsageError(
        f"{place.name} has no such page: it is about runs on this machine, which "
        "python -m pipeline.console shows without --aws"
    )


def console_of(request: "Request") -> Console:
    """Return the console that a request came to."""
    return cast(Console, request.app.state.console)
