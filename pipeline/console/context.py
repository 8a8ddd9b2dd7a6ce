"""Hold what the pages of one console share: whose state they show, and where settings come from."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.local.database import FILE
from pipeline.local.store import Store
from pipeline.target import require_state

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True)
class Console:
    """The console that a page belongs to. It keeps nothing: the state folder has everything.

    `ending` is set when it is about to end: what waits for changes waits no longer.
    """

    state: Path
    settings: Path
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def has_state(self) -> bool:
        """Whether anything was ever run here; looking must not make a folder."""
        return (self.state / FILE).is_file()

    @cached_property
    def _store(self) -> Store:
        return Store(self.state)

    @property
    def store(self) -> Store:
        """The local state, one for all threads. Raises UsageError where there is none yet."""
        require_state(self.state)
        return self._store


def console_of(request: "Request") -> Console:
    """Return the console that a request came to."""
    return cast(Console, request.app.state.console)
