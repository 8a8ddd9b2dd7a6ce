"""Tell a page that what it shows has changed: server-sent events, from cheap looks at the state."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console.context import Console, console_of
from pipeline.local.database import FILE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_LOOK_SECONDS = 0.25
_BEAT_SECONDS = 15.0  # a comment, so that a connection nobody reads any more is noticed

Mark = tuple[tuple[int, int], ...]


async def events(request: "Request") -> "Response":
    """Answer /events: an event `changed` whenever the state is written, or a log of `run` grows."""
    from starlette.responses import StreamingResponse

    stream = _changes(console_of(request), request.query_params.get("run", ""))
    return StreamingResponse(stream, media_type="text/event-stream")


async def _changes(console: Console, run: str) -> AsyncIterator[bytes]:
    before = mark_of(console, run)
    silent = 0.0
    yield b"retry: 1000\n\n"
    while not console.ending.is_set():
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS
        now = await asyncio.to_thread(mark_of, console, run)
        if now != before:
            before, silent = now, 0.0
            yield b"event: changed\ndata:\n\n"
        elif silent >= _BEAT_SECONDS:
            silent = 0.0
            yield b": still here\n\n"


def mark_of(console: Console, run: str = "") -> Mark:
    """Return what changes with every write to the state, and to a log of that run."""
    return tuple(_stamp(path) for path in _watched(console.state, run))


def _watched(state: Path, run: str) -> Iterable[Path]:
    yield state / FILE
    yield state / f"{FILE}-wal"
    yield state / "started"
    if run.isalnum():
        folder = state / "runs" / run
        yield from sorted(folder.glob("*/log.txt"))
        yield from sorted((state / "started").glob("*/log.txt"))


def _stamp(path: Path) -> tuple[int, int]:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return 0, 0
