"""Start and stop the local service from a page: its process outlives the console."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from pipeline.command_line.running import ROOT
from pipeline.errors import PipelineError
from pipeline.local.service.server import find_service, stop_service

_LOG = "serve.log"
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.1


def start_serving(state: Path) -> None:
    """Run `python -m pipeline.endpoint serve` and return when it answers; nothing if one runs.

    Raises PipelineError with its own last words when it ends, or does not answer in time.
    """
    if find_service(state):
        return
    log = state / "endpoints" / _LOG
    try:
        process = _launch(state, log)
    except OSError as error:
        raise PipelineError(f"the local service cannot be started: {error}") from error
    threading.Thread(target=process.wait, daemon=True).start()  # no dead process is left
    deadline = time.monotonic() + _START_SECONDS
    while not find_service(state):
        if process.poll() is not None:
            raise PipelineError(f"the local service ended: {_last_line(log)} (log: {log})")
        if time.monotonic() >= deadline:
            raise PipelineError(f"the local service does not answer yet: see {log}")
        time.sleep(_LOOK_SECONDS)


def stop_serving(state: Path) -> None:
    """End the live service as Ctrl-C does, and return when it is gone.

    Raises PipelineError where it goes on.
    """
    if not stop_service(state):
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while find_service(state):
        if time.monotonic() >= deadline:
            raise PipelineError("the local service was asked to end and is still at work")
        time.sleep(_LOOK_SECONDS)


def _launch(state: Path, log: Path) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pipeline.endpoint", "serve", "--port", "0"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--state", str(state)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # neither Ctrl-C nor the end of the console is for it
        )


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    words = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return words.strip().removeprefix("error: ")[:500]
