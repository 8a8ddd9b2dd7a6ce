"""A run that is stopped: its processes end, and every document says so."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.stopping import StopRequest
from pipeline.local.engine.handlers import StepContext, run_step
from pipeline.local.processes.command import Ending
from pipeline.local.store import Store
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import (
    SLEEP,
    Lab,
    is_gone,
    wait_for,
)


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


@contextmanager
def ctrl_c_raises() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt here, as in a program of the user's own.

    A shell starts what it puts into the background with Ctrl-C ignored. And Python drops what is
    raised while a callback of its garbage collector runs, of which hypothesis has one.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)


def test_cancel_kills_the_processes_and_everything_is_stopped(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    step = lab.processing(
        "Long",
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[1] + '.pid', 'w').write(str(child.pid))\n" + SLEEP,
        arguments=[str(mark)],
    )
    failed = lab.processing("Failed", "raise SystemExit(1)")
    behind = lab.processing("Behind", "print('never')") | {"DependsOn": ["Long"]}
    done: list[Any] = []
    thread = threading.Thread(
        target=lambda: done.append(lab.run(failed, step, behind, parallel_steps=1))
    )
    thread.start()
    wait_for(mark)
    lab.cancel.set()
    thread.join(PATIENCE)
    assert done[0].status == "Stopped"
    assert lab.step_documents()["Long"]["StepStatus"] == "Stopped"
    assert "FailureReason" not in lab.step_documents()["Long"]
    assert lab.store.list("ProcessingJob")[1]["ProcessingJobStatus"] == "Stopped"
    assert lab.store.list("PipelineExecution")[0]["PipelineExecutionStatus"] == "Stopped"
    assert "Behind" not in lab.step_documents()
    child = int((tmp_path / "started.pid").read_text())
    assert is_gone(child)


def test_a_run_that_was_stopped_says_by_what(lab: Lab) -> None:
    request = StopRequest()
    request.ask("the terminal was closed")
    lab.cancel = request
    assert lab.run(lab.processing("A", "")).status == "Stopped"
    (run,) = lab.store.list("PipelineExecution")
    assert run["FailureReason"] == "It was stopped: the terminal was closed."


def test_a_job_has_the_grace_that_the_run_was_given(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def end(*_: Any, grace_s: float, **__: Any) -> Ending:
        given.append(grace_s)
        return Ending(0, "exited")

    monkeypatch.setattr("pipeline.local.jobs.processing.run_to_end", end)
    lab.run(lab.processing("A", ""), grace_s=0.25)
    assert given == [0.25]


def test_what_goes_on_beside_the_steps_is_cut_off_by_cancelling_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[StepContext] = []

    def note(step: Any, arguments: Any, context: StepContext) -> Any:
        seen.append(context)
        return run_step(step, arguments, context)

    monkeypatch.setattr("pipeline.local.engine.scheduler.run_step", note)
    lab.run({"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}})
    (context,) = seen
    assert (context.should_stop(), context.background.cancelled()) == (True, False)
    lab.cancel.set()
    assert context.background.cancelled()


def test_a_run_that_was_cancelled_before_it_began_runs_nothing(lab: Lab) -> None:
    lab.cancel.set()
    result = lab.run(lab.processing("A", "print('never')"))
    assert result.status == "Stopped"
    assert not lab.store.list("ProcessingJob")


def test_ctrl_c_in_the_calling_thread_stops_the_run(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    step = lab.processing("Long", SLEEP, arguments=[str(mark)])

    def interrupt() -> None:
        wait_for(mark)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with ctrl_c_raises():
        thread.start()
        result = lab.run(step)
        thread.join()
    assert result.status == "Stopped"
    assert result.steps["Long"].status == "Stopped"
    assert lab.step_documents()["Long"]["StepStatus"] == "Stopped"
    assert lab.store.list("PipelineExecution")[0]["PipelineExecutionStatus"] == "Stopped"
