"""Have a process of its own bring a run into MLflow while it runs; nothing waits for it.

The process is `python -m pipeline.report track ARN --follow`: it ends some time after its standard
input is closed, also where that is done by this process being killed.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.command_line.running import ROOT, default_state, overrides_of
from pipeline.errors import file_reason
from pipeline.settings.model import Settings
from pipeline.settings.tracking import Tracking

_PATIENCE_S = 10.0
_LEAVE_S = 1.0


class Follower:
    """The one process that logs one run; it does nothing where no address is given.

    `place` has the options that say where the run is, as `python -m pipeline.report` takes them.
    """

    def __init__(self, settings: Settings, place: Sequence[str]) -> None:
        self._uri = settings.tracking.mlflow_uri
        self._options = ["--uri", str(self._uri), "--experiment", settings.experiment]
        if settings.tracking.max_artifact_mb != Tracking().max_artifact_mb:
            self._options += ["--max-artifact-mb", str(settings.tracking.max_artifact_mb)]
        self._options += place
        self._arn = ""
        self._process: subprocess.Popen[str] | None = None
        self._problem = ""

    def begin(self, arn: str) -> None:
        """Start to log this run."""
        if self._uri is None:
            return
        self._arn = arn
        command = [sys.executable, "-m", "pipeline.report", "track", arn, *self._options]
        try:
            self._process = subprocess.Popen(
                [*command, "--follow"],
                env={**os.environ, "PYTHONPATH": _with_root(os.environ.get("PYTHONPATH"))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the run
                text=True,
            )
        except OSError as error:
            self._problem = file_reason(error)

    def ended(self) -> None:
        """Say that the run has ended and its report, if any, is written; nothing is awaited."""
        if self._process and self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()

    def conclude(self, patience_s: float = _PATIENCE_S) -> str | None:
        """Say where the run is logged, or what is missing and how to log that; None: not asked.

        What is not done after `patience_s` is given up.
        """
        if self._uri is None or not self._arn:
            return None
        self.ended()
        done, problem = self._result(patience_s)
        if not problem:
            return done
        return f"not all of it: {problem}; to log it: {self._again()}"

    def _result(self, patience_s: float) -> tuple[str, str]:
        """Return (where it is logged, what is missing)."""
        process = self._process
        if process is None:
            return "", self._problem
        process.stdin = None
        try:
            printed, _ = process.communicate(timeout=patience_s)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            _leave(process)
            # the run itself has ended: what it made is still to be said
            was_stopped = isinstance(error, KeyboardInterrupt)
            late = f"not done {patience_s:.0f} s after the run's end"
            return "", "stopped" if was_stopped else late
        try:
            found = json.loads(printed)
        except ValueError:
            return "", f"its process ended with {process.returncode}"
        if "error" in found:
            return "", str(found["error"])
        missing = [f"{name} ({why})" for name, why in found["missing"].items()]
        return str(found["page"] or found["to"]), ", ".join(missing)

    def _again(self) -> str:
        run = self._arn if "--aws" in self._options else self._arn.rpartition("/")[2]
        return shlex.join(["python", "-m", "pipeline.report", "track", run, *self._options])


def aws_place(options: argparse.Namespace) -> list[str]:
    """Return the options for a run on AWS: those that the settings came from."""
    given = [part for text in overrides_of(options) for part in ("--set", text)]
    environment = ["--env", options.env] if options.env else []
    same = options.settings.resolve() == (ROOT / "pipeline.yaml").resolve()
    file = [] if same else ["--settings", str(options.settings.resolve())]
    return ["--aws", *file, *environment, *given, *local_place(options.state)]


def _with_root(path: str | None) -> str:
    return f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)


def _leave(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def local_place(state: Path) -> list[str]:
    """Return the options for a local run: none where its state is where commands look."""
    same = state.resolve() == default_state().resolve()
    return [] if same else ["--state", str(state.resolve())]
