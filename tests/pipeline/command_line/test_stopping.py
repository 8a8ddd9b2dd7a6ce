"""A signal to stop ends a command with a reason and exit code 3, also when its terminal is gone."""

import os
import pty
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT
from pipeline.command_line.stopping import (
    Stopped,
    StopRequest,
    cancel_on_signals,
    handled,
    reason_of,
    stopped_by_signals,
)
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("hangup_is_heeded")

PROGRAM = """
import sys, time
from pathlib import Path
from pipeline.command_line.running import run_command

def main(_):
    try:
        print("ready", flush=True)
        for _ in range(60_000):
            time.sleep(0.01)
            print("at work", flush=True)
    finally:
        Path(sys.argv[1]).write_text("tidied")
    return 0

sys.exit(run_command(main))
"""


def _argv(tmp_path: Path) -> list[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return [sys.executable, str(program), str(tmp_path / "mark")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_in_order_and_says_why(number: signal.Signals, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(_argv(tmp_path), stdout=pipe, stderr=pipe, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        _, errors = process.communicate()
    assert (process.returncode, errors.decode()) == (3, f"stopped: {reason_of(number)}\n")
    assert (tmp_path / "mark").read_text() == "tidied"


def test_a_terminal_that_is_closed_ends_its_command(tmp_path: Path) -> None:
    argv = _argv(tmp_path)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, {"PYTHONPATH": str(ROOT)})  # noqa: S606 - no shell is wanted
    while b"ready" not in os.read(terminal, 1024):
        pass
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3
    assert (tmp_path / "mark").read_text() == "tidied"


def test_nohup_is_heeded() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with handled(lambda number, _: heard.append(number)):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_a_terminal_and_its_shell_both_say_that_it_is_closed() -> None:
    with cancel_on_signals() as cancel:
        for _ in range(2):
            signal.raise_signal(signal.SIGHUP)
        assert cancel.reason == "the terminal was closed"
        with pytest.raises(Stopped, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
    with stopped_by_signals():
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)


# Signals come as the main thread begins to wait, waits, and ends waiting.
WAITING = """
import signal
from pipeline.command_line.stopping import StopRequest

request = StopRequest()
signal.signal(signal.SIGALRM, lambda *_: request.ask("now"))
for turn in range(2000):
    request = StopRequest()
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + turn % 100 * 1e-6, 0.01)
    while not request.wait(1e-5):
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
print("heard", request.wait(), request.is_set(), request.reason)
"""


def test_a_signal_may_come_in_the_middle_of_waiting_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("heard True True now\n", 0), done.stderr[-500:]


def test_who_waits_for_a_stop_goes_on_with_it_or_after_a_time() -> None:
    request = StopRequest()
    assert not request.wait(0)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(request.wait) for _ in range(3)]
        request.ask("SIGTERM")
        assert [each.result(PATIENCE) for each in waiting] == [True] * 3


def test_what_was_there_before_is_there_again() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with stopped_by_signals(), handled(lambda *_: None):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_beside_the_main_thread_nothing_changes() -> None:
    entered: list[bool] = []

    def enter() -> None:
        with stopped_by_signals():
            entered.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered
