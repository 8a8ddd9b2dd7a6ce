"""Where the time of a run went: its parts, the cores at work, and when nothing was."""

import subprocess
import sys
from datetime import UTC, datetime

import psutil
import pytest

from pipeline.command_line.step_table import StepProgress
from pipeline.errors import UsageError
from pipeline.run.__main__ import main
from pipeline.run.profiling import Recorder

_BUSY = "import time\nwhile time.process_time() < 0.3: pass"


class Machine:
    """A clock, and the CPU seconds used, that a test sets."""

    now, cpu = 100.0, 0.0

    def recorder(self) -> Recorder:
        """Begin a command that was started at 98 s."""
        return Recorder(98.0, lambda: self.now, lambda: self.cpu)

    def work(self, recorder: Recorder, until: float, cpu: float) -> None:
        """Let time pass while CPU seconds are used."""
        self.now, self.cpu = until, self.cpu + cpu
        recorder.read()


def step(name: str, began: float, ended: float | None, cached: bool = False) -> StepProgress:
    start = datetime.fromtimestamp(began, UTC)
    end = None if ended is None else datetime.fromtimestamp(ended, UTC)
    status = "Succeeded" if end else "Executing"
    return StepProgress(name, "Training", status, start, end, cached=cached)


def test_each_part_has_its_time_and_the_cpu_time_that_passed_in_it() -> None:
    machine = Machine()
    heard: list[StepProgress] = []
    recorder = machine.recorder()
    hear = recorder.hearing(heard.append)
    with recorder.part("compile and stage"):
        machine.work(recorder, until=104.0, cpu=4.0)
    hear(step("Train", 105.0, None))
    machine.work(recorder, until=115.0, cpu=5.5)
    hear(step("Train", 105.0, 115.0))
    profile = recorder.profile()
    found = {
        part.name: (part.began, part.seconds, round(part.cpu_seconds, 6)) for part in profile.parts
    }
    assert found == {
        "start": (0.0, 2.0, pytest.approx(4 / 3)),  # between two readings it is interpolated
        "compile and stage": (2.0, 4.0, pytest.approx(8 / 3)),
        "Train": (7.0, 10.0, 5.0),
    }
    assert [one.status for one in heard] == ["Executing", "Succeeded"]


def test_what_is_in_no_part_is_waiting_and_parts_that_overlap_count_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    machine = Machine()
    recorder = machine.recorder()
    hear = recorder.hearing(lambda _step: None)
    hear(step("Left", 101.0, 106.0))
    hear(step("Right", 103.0, 104.0))
    hear(step("Left", 101.0, 106.0))  # told twice
    hear(step("Late", 107.0, 107.0, cached=True))
    machine.work(recorder, until=108.0, cpu=5.0)
    profile = recorder.profile()
    assert [part.name for part in profile.parts] == ["start", "Left", "Right", "Late (cached)"]
    assert (profile.seconds, profile.waiting, profile.used) == (10.0, 3.0, 0.25)
    assert len(list(profile.lines())) == 2 + len(profile.parts)


def test_children_count_also_when_they_have_ended() -> None:
    recorder = Recorder()
    recorder.read()
    with recorder.recording(), recorder.part("child"):
        subprocess.run([sys.executable, "-c", _BUSY], check=True)
    child = recorder.profile().parts[-1]
    assert (child.name, child.cpu_seconds > 0.15) == ("child", True)


def test_it_is_of_local_runs() -> None:
    with pytest.raises(UsageError, match="--profile goes with --local"):
        main(["--check", "--profile"])
