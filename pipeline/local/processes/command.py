"""Run one command to its end, following its log; stop it with all that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pipeline.errors import PipelineError
from pipeline.local.processes import die_with_owner
from pipeline.local.processes.own_opt_ml import OPT_ML

_SLOWEST_POLL_S = 0.05


class StartError(PipelineError):
    """A command could not be started."""


@dataclass(frozen=True)
class Command:
    """A command to run. `environment` is all it gets; stdout and stderr go to `log`.

    The folder `opt_ml` is its /opt/ml: `argv` and `cwd` are then as the command sees them.
    """

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    log: Path
    opt_ml: Path | None = None

    def outside(self, path: Path) -> Path:
        """Return where what the command sees at a path lies for everybody else."""
        if self.opt_ml and path.is_relative_to(OPT_ML):
            return self.opt_ml / path.relative_to(OPT_ML)
        return path


@dataclass(frozen=True)
class Ending:
    """The end of a command. `code` is negative when a signal ended it."""

    code: int
    cause: Literal["exited", "stopped", "timed out"]


class Running(Protocol):
    """A command that was started, as the leader of its own process group."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group; nothing happens when it is gone."""


Starter = Callable[[Command], Running]


def start_process(command: Command) -> Running:
    """Start a command as a process of its own; it does not outlive this one. Raises StartError."""
    try:
        return _Process(_start_guarded(command))
    except OSError as error:
        raise StartError(f"cannot start {command.argv[0]!r}: {error.strerror or error}") from error


def _start_guarded(command: Command) -> subprocess.Popen[bytes]:
    here, there = socket.socketpair()
    character_type = command.environment.get("LC_CTYPE", "")
    wrapper = (
        sys.executable,
        "-I",
        "-S",
        die_with_owner.__file__,
        str(there.fileno()),
        character_type,
        str(command.cwd),
        str(command.opt_ml or ""),
    )
    with here, command.log.open("ab") as log:
        with there:
            process = subprocess.Popen(
                [*wrapper, *command.argv],
                env=dict(command.environment),
                stdin=subprocess.PIPE,  # closes when this process ends
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        problem = here.recv(16)  # nothing, as soon as the command runs
    if problem:
        process.communicate()
        raise OSError(int(problem), os.strerror(int(problem)))
    return process


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        return self._process.poll()

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
        if number == signal.SIGKILL and self._process.stdin:
            self._process.stdin.close()


def run_to_end(
    command: Command,
    start: Starter,
    on_line: Callable[[str], None],
    should_stop: Callable[[], bool],
    *,
    limit_s: float,
    grace_s: float,
) -> Ending:
    """Run a command and hand over each line of its log as it comes.

    When `should_stop` says so or `limit_s` is over, the process group gets SIGTERM, and SIGKILL
    `grace_s` later. Whatever the command leaves running ends with it. Raises StartError.
    """
    running = start(command)
    watch = _Watch(running, should_stop, limit_s, grace_s)
    with command.log.open("rb") as log:
        lines = _Lines(on_line)
        try:
            while (code := running.poll()) is None:
                lines.feed(log.read())
                watch.look()
                time.sleep(watch.pause())
        finally:
            running.signal(signal.SIGKILL)
        lines.feed(log.read())
        lines.end()
    return Ending(code, watch.cause)


class _Watch:
    """A watch that ends a process group that should stop or runs too long."""

    def __init__(
        self, running: Running, should_stop: Callable[[], bool], limit_s: float, grace_s: float
    ) -> None:
        self.cause: Literal["exited", "stopped", "timed out"] = "exited"
        self._running = running
        self._should_stop = should_stop
        self._grace_s = grace_s
        self._started = time.monotonic()
        self._deadline = self._started + limit_s

    def look(self) -> None:
        now = time.monotonic()
        if self.cause == "exited":
            if not self._should_stop() and now < self._deadline:
                return
            self.cause = "stopped" if now < self._deadline else "timed out"
            self._running.signal(signal.SIGTERM)
            self._deadline = now + self._grace_s
        elif now >= self._deadline:
            self._running.signal(signal.SIGKILL)

    def pause(self) -> float:
        """Return the seconds to the next look: short commands get it often, long ones seldom."""
        return min(_SLOWEST_POLL_S, 0.005 + (time.monotonic() - self._started) / 50)


class _Lines:
    """Cuts a growing log into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line.decode(errors="replace").rstrip("\r"))

    def end(self) -> None:
        if self._rest:
            self.feed(b"\n")
