"""Start the commands that the chaos benchmark kills, kill them, and run them again to their end."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos_checks import end_left_processes, versions
from benchmarks.context import BenchmarkError
from pipeline.command_line.running import ROOT
from pipeline.sample.pictures import write_sample

KINDS = ("run", "approve", "rollback", "predict", "serve")
_PROJECT = "chaos"
_STAGING, _PRODUCTION = f"{_PROJECT}-staging", f"{_PROJECT}-production"
_PATIENCE_S = 300.0
_NEW_DATA_EVERY = 4  # runs: in between, Prepare and ExtractFeatures come from the cache
_SETTINGS = {
    "project": _PROJECT,
    "backbone.name": "mobilenet_v3_small",
    "preprocessing.resize": 72,
    "preprocessing.crop": 64,
    "training.epochs": 2,
    "tuning.max_jobs": 2,
    "tuning.max_parallel_jobs": 2,
}


@dataclass(frozen=True)
class ChaosCommand:
    """A command to kill and to run again: the same words both times."""

    kind: str
    words: tuple[str, ...]
    answers: Path | None = None


class Commands:
    """The commands on one state of their own; every random choice comes from the seed."""

    def __init__(self, work: Path, seed: int) -> None:
        self.state = work / "state"
        self.temporary = work / "tmp"
        self.duplicate_rows = 0
        self._work = work
        self._pictures = work / "pictures"
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._seconds: dict[str, float] = {}
        self._runs = 0
        self._files = 0
        self._approved: list[int] = []

    def begin(self) -> None:
        """Make what later commands need, and learn how long each kind takes."""
        self.temporary.mkdir()
        write_sample(self._pictures, classes=3, per_class=30)
        self._do(self._run())
        self._do(self._run())
        for version in (1, 2):
            self._do(self._approve(version))
        for kind in ("rollback", "predict", "serve"):
            self._do(self.next(kind))

    def next(self, kind: str) -> ChaosCommand:
        """Return a command of that kind that has something to do."""
        if kind == "run":
            return self._run()
        if kind == "approve":
            return self._approve(self._random.choice(versions(self.state)))
        if kind == "rollback":
            version = str(self._random.choice(self._approved))
            return _command("rollback", "endpoint", "rollback", _PRODUCTION, "--to", version)
        if kind == "predict":
            self._files += 1
            answers = self._work / f"answers-{self._files}.csv"
            words = ("predict", str(self._pictures), "--csv", str(answers), "--endpoint", _STAGING)
            return _command("predict", "endpoint", *words, answers=answers)
        return _command("serve", "endpoint", "serve", "--port", "0", "--json")

    def kill(self, command: ChaosCommand) -> float | None:
        """Kill it somewhere in its time; return after how long, or None when it had ended."""
        after = self._random.uniform(0, self._seconds[command.kind])
        process = self._start(command)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        killed = process.returncode == -signal.SIGKILL
        if not killed:
            end_left_processes()
        return after if killed else None

    def finish(self, command: ChaosCommand) -> str:
        """Run it to its end; return what was wrong with that, or nothing."""
        problem = self._serve(command) if command.kind == "serve" else self._to_end(command)
        if not problem and command.kind == "approve":
            self._approved.append(int(command.words[-1]))
        return problem or self._check_answers(command)

    def remove(self, path: Path) -> None:
        """Remove what was left, so that it is counted once."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def _do(self, command: ChaosCommand) -> None:
        began = time.monotonic()
        if problem := self.finish(command):
            raise BenchmarkError(f"{command.kind} fails without any kill: {problem}")
        self._seconds[command.kind] = time.monotonic() - began

    def _run(self) -> ChaosCommand:
        self._runs += 1
        seeds = {"training.seed": self._runs, "data.seed": self._runs // _NEW_DATA_EVERY}
        words = ["--local", "--json", "--data", str(self._pictures)]
        words += ["--parameter", "AccuracyThreshold=0", "--parameter", "ChampionTolerance=1"]
        for key, value in (_SETTINGS | seeds).items():
            words += ["--set", f"{key}={value}"]
        return _command("run", "run", *words)

    def _approve(self, version: int) -> ChaosCommand:
        return _command("approve", "registry", "approve", str(version))

    def _start(self, command: ChaosCommand) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *command.words, "--state", str(self.state)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _to_end(self, command: ChaosCommand) -> str:
        process = self._start(command)
        try:
            output, _ = process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return f"it did not end in {_PATIENCE_S:.0f} s"
        return f"exit code {process.returncode}: {output[-1000:]}" if process.returncode else ""

    def _serve(self, command: ChaosCommand) -> str:
        """Serve, ask once, and end it in order."""
        process = self._start(command)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            url = _url_in(process.stdout.readline())
            picture = next(self._pictures.rglob("*.jpg")).read_bytes()
            request = urllib.request.Request(  # noqa: S310 - our own service
                f"{url}/invocations", picture, {"Content-Type": "image/jpeg"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                json.loads(answer.read())["predictions"]
        except (OSError, ValueError, LookupError) as error:
            os.kill(process.pid, signal.SIGKILL)
            return f"{error}: {process.communicate()[0][-1000:]}"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        return f"exit code {process.returncode}: {output[-1000:]}" if process.returncode else ""

    def _check_answers(self, command: ChaosCommand) -> str:
        if command.answers is None:
            return ""
        with command.answers.open(newline="") as file:
            _, *rows = csv.reader(file)
        counts = Counter(row[0] for row in rows)
        self.duplicate_rows += sum(count - 1 for count in counts.values())
        expected = sum(1 for _ in self._pictures.rglob("*.jpg"))
        return "" if len(counts) == expected else f"{len(counts)} of {expected} pictures answered"


def _command(kind: str, module: str, *words: str, answers: Path | None = None) -> ChaosCommand:
    return ChaosCommand(kind, ("-m", f"pipeline.{module}", *words), answers)


def _url_in(line: str) -> str:
    try:
        return str(json.loads(line)["url"])
    except (ValueError, LookupError, TypeError):
        raise ValueError(f"it did not say where it serves: {line!r}") from None
