"""One command: its log line by line, its end, and everything it started."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.processes import Command, Ending, StartError, run_to_end, start_process

Run = Callable[..., Ending]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def start(
        code: str,
        lines: list[str] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        limit_s: float = 60,
    ) -> Ending:
        command = Command(
            argv=(sys.executable, "-c", code),
            cwd=tmp_path,
            environment={"PYTHONUNBUFFERED": "1"},
            log=tmp_path / "log.txt",
        )
        heard = lines if lines is not None else []
        return run_to_end(
            command, start_process, heard.append, should_stop, limit_s=limit_s, grace_s=0.3
        )

    return start


def test_every_line_is_heard_once_and_kept(run: Run, tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys\nprint('one\\ntwo')\nprint('err', file=sys.stderr)\nsys.stdout.write('end')"
    assert run(code, lines) == Ending(0, "exited")
    assert lines == ["one", "two", "err", "end"]
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\nerr\nend"


def test_bytes_that_are_no_text_do_not_hurt(run: Run) -> None:
    lines: list[str] = []
    run("import os\nos.write(1, b'\\xff\\xfe ok\\r\\n')", lines)
    assert lines == ["\ufffd\ufffd ok"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(7)", 7), ("import os\nos.kill(os.getpid(), 9)", -signal.SIGKILL)],
)
def test_the_exit_code(run: Run, code: str, expected: int) -> None:
    assert run(code) == Ending(expected, "exited")


def test_a_stop_is_asked_for_politely_first(run: Run, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "print('ready')\ntime.sleep(60)"
    )
    lines: list[str] = []
    ending = run(code, lines, should_stop=lambda: "ready" in lines)
    assert ending == Ending(0, "stopped")
    assert lines == ["ready", "saved"]


def test_a_limit_ends_even_what_ignores_the_signal(run: Run) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    assert run(code, limit_s=0.5) == Ending(-signal.SIGKILL, "timed out")


def test_a_command_that_cannot_start(tmp_path: Path) -> None:
    command = Command(("no-such-program",), tmp_path, {}, tmp_path / "log.txt")
    with pytest.raises(StartError, match="cannot start 'no-such-program': No such file"):
        run_to_end(command, start_process, print, lambda: False, limit_s=1, grace_s=1)
