"""Tell a page that what it shows has changed: server-sent events, from cheap looks at the state."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console.context import Console, console_of
from pipeline.console.logs import LOG
from pipeline.console.starting import STARTED
from pipeline.local.database import FILE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_LOOK_SECONDS = 0.25
_TURN_SECONDS = 15.0
_BEAT_SECONDS = 15.0  # a comment, so that a connection nobody reads any more is noticed

Mark = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Looked:
    """The logs that a page shows: of a run's steps, of a started command."""

    run: str = ""
    started: str = ""


_NONE = Looked()


async def events(request: "Request") -> "Response":
    """Answer /events: `changed` whenever the state is written, or a log of what is looked at grows.

    ?run=ID adds the logs of a run, ?started=TOKEN what a started command prints. Of an account on
    AWS it is `changed` every few seconds.
    """
    from starlette.responses import StreamingResponse

    console, asked = console_of(request), request.query_params
    logs = Looked(asked.get("run", ""), asked.get("started", ""))
    look = partial(mark_of, console.state, logs) if console.place.is_here else _turn
    return StreamingResponse(_changes(console, look), media_type="text/event-stream")


async def _changes(console: Console, look: Callable[[], Mark | int]) -> AsyncIterator[bytes]:
    before = look()
    again = False  # a write in the very moment of a look has its time: say it once more
    silent = 0.0
    yield b"retry: 1000\n\n"
    while not console.ending.is_set():
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS
        now = await asyncio.to_thread(look)
        if now != before or again:
            again, before, silent = now != before, now, 0.0
            yield b"event: changed\ndata:\n\n"
        elif silent >= _BEAT_SECONDS:
            silent = 0.0
            yield b": still here\n\n"


def _turn() -> int:
    """Return a number that changes every few seconds: nobody says when an account changes."""
    return int(time.monotonic() / _TURN_SECONDS)


def mark_of(state: Path, logs: Looked = _NONE) -> Mark:
    """Return what changes with every write to the state, and to the logs that are looked at."""
    return tuple(_stamp(path) for path in _watched(state, logs))


def _watched(state: Path, logs: Looked) -> Iterable[Path]:
    yield state / FILE
    yield state / f"{FILE}-wal"
    if logs.run.isalnum():
        yield from sorted((state / "runs" / logs.run).glob(f"*/{LOG}"))
        yield from sorted((state / "runs" / logs.run).glob(f"*/*/{LOG}"))
    if logs.started.isalnum():
        yield state / STARTED / logs.started / LOG


def _stamp(path: Path) -> tuple[int, int]:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return 0, 0
