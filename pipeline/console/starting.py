"""Start runs as processes of their own: the console may end, and they go on.

`started/<token>/` has the command of one, what it prints, and a lock that it holds while it works.
"""

import fcntl
import json
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.console.logs import LOG
from pipeline.errors import PipelineError, UsageError
from pipeline.local.engine.recovery import holder_of, is_alive
from pipeline.local.processes.detached import start_detached

STARTED = "started"
_NOTE = "started.json"
_COMMAND = ("python", "-m", "pipeline.run")
_KEPT = 50
_GRACE_S = 60.0  # of a clock that was set between a start and its run


@dataclass(frozen=True)
class Started:
    """A command that was started: `run` is the id of what it runs, None until that has begun."""

    token: str
    command: str
    began: float
    pid: int
    alive: bool
    log: Path
    run: str | None


def start_run(state: Path, arguments: Sequence[str]) -> str:
    """Start `python -m pipeline.run` with these arguments, and return its token.

    Raises PipelineError when the state folder cannot be written or no process can be started.
    """
    token = secrets.token_hex(8)
    folder = state / STARTED / token
    try:
        folder.mkdir(parents=True, mode=0o700)
        _sweep(folder.parent)
        pid = _detached(folder, [sys.executable, *_COMMAND[1:], *arguments])
        note = {
            "command": shlex.join([*_COMMAND, *arguments]),
            "began": time.time(),
            "pid": pid,
        }
        (folder / _NOTE).write_text(json.dumps(note) + "\n", encoding="utf-8")
    except OSError as error:
        raise PipelineError(f"the run cannot be started: {error}") from error
    return token


def read_started(state: Path, token: str) -> Started:
    """Return what became of a start. Raises UsageError when there was none of that token."""
    started = _read(state, token) if token.isalnum() else None
    if started is None:
        raise UsageError("nothing was started under this address, or long ago")
    return replace(started, run=_run_of(state, started))


def started_of(state: Path, run: str) -> Started | None:
    """Return the start that a run came from; None when it came from a command line."""
    pid = holder_of(state / "runs" / run)
    for note in (state / STARTED).glob(f"*/{_NOTE}") if pid else ():
        started = _read(state, note.parent.name)
        if started and _belongs(started, state / "runs" / run):
            return replace(started, run=run)
    return None


def arguments_again(command: str) -> list[str]:
    """Return the arguments of a local run's command line. Raises UsageError for any other."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if tuple(words[: len(_COMMAND)]) != _COMMAND or "--local" not in words:
        raise UsageError(f"this run was not started by a command of this machine: {command}")
    return words[len(_COMMAND) :]


def without(arguments: Sequence[str], *options: str) -> list[str]:
    """Return arguments without these options and the values that follow them."""
    kept: list[str] = []
    skips = False
    for word in arguments:
        if not skips and word.partition("=")[0] not in options:
            kept.append(word)
        skips = not skips and word in options
    return kept


def _detached(folder: Path, command: Sequence[str]) -> int:
    """Start a command in a session of its own, which holds the folder's lock until it ends."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return start_detached(command, folder / LOG, lock.fileno())


def _read(state: Path, token: str) -> Started | None:
    folder = state / STARTED / token
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        command, began, pid = str(note["command"]), float(note["began"]), int(note["pid"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Started(token, command, began, pid, is_alive(folder), folder / LOG, None)


def _run_of(state: Path, started: Started) -> str | None:
    """Find the run whose process that is, the newest of them."""
    found = [
        (lock.stat().st_mtime, lock.parent.name)
        for lock in (state / "runs").glob("*/lock")
        if _belongs(started, lock.parent)
    ]
    return max(found)[1] if found else None


def _belongs(started: Started, run: Path) -> bool:
    """Check whether a run is what was started: by its process, whose number had others before."""
    try:
        late = (run / "lock").stat().st_mtime - started.began
    except OSError:
        return False
    return late >= -_GRACE_S and holder_of(run) == started.pid


def _sweep(folder: Path) -> None:
    """Remove the oldest starts that have ended, beyond a number of them."""
    notes = sorted(folder.glob(f"*/{_NOTE}"), key=lambda note: note.stat().st_mtime)
    for note in notes[:-_KEPT]:
        if not is_alive(note.parent):
            shutil.rmtree(note.parent, ignore_errors=True)
