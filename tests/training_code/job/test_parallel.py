"""Work on all cores: order, progress, and workers that die or are stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job.errors import JobError
from job.parallel import parallel_map
from job.progress import ProgressLines
from tests.patience import PATIENCE

CODE = Path(__file__).resolve().parents[3] / "training_code"


def test_results_come_in_the_order_of_the_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert parallel_map(abs, list(range(-50, 0)), "counted") == list(range(50, 0, -1))
    assert "counted: 50 of 50" in capsys.readouterr().out


def test_no_items_need_no_work() -> None:
    assert parallel_map(abs, [], "counted") == []


def test_an_error_in_a_worker_is_raised_here() -> None:
    with pytest.raises(FileNotFoundError):
        parallel_map(os.listdir, ["/does/not/exist"], "listed")


def test_a_killed_worker_is_an_error_that_says_so() -> None:
    with pytest.raises(JobError, match="killed after 0 of 3 items"):
        parallel_map(os._exit, [9, 9, 9], "ended")


def test_sigterm_ends_the_workers_too() -> None:
    script = (
        "import time; from job import parallel;"
        "parallel.stop_on_sigterm(); print('go', flush=True);"
        "parallel.parallel_map(time.sleep, [0.02] * 25_000, 'slept')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(CODE)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):  # nobody of its process group is left
        os.killpg(process.pid, 0)


def test_progress_lines_tell_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    progress = ProgressLines("decoded", 3000, every=5.0, clock=lambda: now)
    for _ in range(3):
        now += 2.0
        progress.advance(500)
    now += 4.0
    progress.advance(1500)
    progress.finish()
    assert capsys.readouterr().out.splitlines() == [
        "decoded: 1,500 of 3,000 (250/s, 6 s left)",
        "decoded: 3,000 of 3,000 (300/s, 10 s)",
    ]
