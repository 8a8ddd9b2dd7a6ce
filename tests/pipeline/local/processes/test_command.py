"""One command: its log line by line, its end, and everything it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.processes.command import Command, Ending, StartError, run_to_end, start_process
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import has_ended, is_gone, wait_for

Run = Callable[..., Ending]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def start(
        code: str,
        lines: list[str] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        limit_s: float = PATIENCE,
        grace_s: float = 0.3,
        on_line: Callable[[str], None] | None = None,
    ) -> Ending:
        command = Command(
            argv=(sys.executable, "-c", code),
            cwd=tmp_path,
            environment={"PYTHONUNBUFFERED": "1"},
            log=tmp_path / "log.txt",
        )
        heard = lines if lines is not None else []
        return run_to_end(
            command,
            start_process,
            on_line or heard.append,
            should_stop,
            limit_s=limit_s,
            grace_s=grace_s,
        )

    return start


def test_every_line_is_heard_once_and_kept(run: Run, tmp_path: Path) -> None:
    lines: list[str] = []
    code = (
        "import os, sys\nprint('one\\ntwo')\nprint('err', file=sys.stderr)\n"
        "os.write(1, b'end')\nos._exit(0)"
    )
    assert run(code, lines) == Ending(0, "exited")
    assert lines == ["one", "two", "err", "end"]
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\nerr\nend"


def test_a_line_that_comes_in_parts_is_heard_as_one(run: Run) -> None:
    lines: list[str] = []
    run(r"import os, time; os.write(1, b'caf\xc3'); time.sleep(0.2); os.write(1, b'\xa9\n')", lines)
    assert lines == ["caf\u00e9"]


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


def test_a_stop_is_asked_for_politely_first_of_all_that_runs(run: Run) -> None:
    child = "trap 'echo saved; exit' TERM; echo ready; while :; do sleep 0.05; done"
    parent = f"trap 'wait; echo saved too; exit 0' TERM\n({child}) &\nwait"
    code = f"import os\nos.execlp('sh', 'sh', '-c', {parent!r})"
    lines: list[str] = []
    ending = run(code, lines, should_stop=lambda: "ready" in lines, grace_s=PATIENCE)
    assert ending == Ending(0, "stopped")
    # Between them a shell may say that it was its child that was terminated.
    assert [line for line in lines if "saved" in line] == ["saved", "saved too"]


def test_a_limit_ends_even_what_ignores_the_signal(run: Run) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it inherits that
    try:
        ending = run("import time\ntime.sleep(600)", limit_s=0.5)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ending == Ending(-signal.SIGKILL, "timed out")


def test_a_group_that_is_gone_needs_no_signal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_pid: int, _number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", gone)
    assert run("") == Ending(0, "exited")


def test_an_error_of_the_listener_ends_the_command(run: Run) -> None:
    pids = []

    def fail(line: str) -> None:
        pids.append(int(line))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        run("import os, time\nprint(os.getpid())\ntime.sleep(600)", on_line=fail)
    assert is_gone(pids[0])


@pytest.mark.parametrize(
    ("program", "reason"),
    [("no-such-program", "No such file"), ("./log.txt", "Permission denied")],
)
def test_a_command_that_cannot_start(tmp_path: Path, program: str, reason: str) -> None:
    command = Command((program,), tmp_path, {}, tmp_path / "log.txt")
    with pytest.raises(StartError, match=f"cannot start '{program}': {reason}"):
        run_to_end(command, start_process, print, lambda: False, limit_s=1, grace_s=1)


@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C"}, {"LANG": "C.UTF-8"}])
def test_the_command_is_started_as_if_nothing_stood_between(
    tmp_path: Path, locale: dict[str, str]
) -> None:
    (tmp_path / "found").write_text(
        "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline\n/usr/bin/env\ncat\n"
        "grep -E 'SigIgn|SigBlk' /proc/self/status\n"
    )
    (tmp_path / "found").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/bin:/usr/bin", "WORD": "a b"} | locale
    odd = "caf\udce9 \u00e9"  # a name of a file need not be text
    command = Command(("found", odd), tmp_path, environment, tmp_path / "log.txt")
    ending = run_to_end(
        command, start_process, lambda _: None, lambda: False, limit_s=PATIENCE, grace_s=1
    )
    said = os.fsdecode((tmp_path / "log.txt").read_bytes()).splitlines()
    assert ending == Ending(0, "exited"), said
    assert said[:3] == ["/bin/sh", str(tmp_path / "found"), odd]
    plain = subprocess.run(
        ["found", odd],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert sorted(said) == sorted(os.fsdecode(plain.stdout).splitlines())


def test_a_command_has_no_children_but_its_own(run: Run) -> None:
    lines: list[str] = []
    run("import os\ntry:\n    os.wait()\nexcept ChildProcessError:\n    print('none')", lines)
    assert lines == ["none"]


OWNER = """
import sys, threading
from pathlib import Path
from pipeline.local.processes.command import Command, start_process
folder = Path(sys.argv[1])
script = "trap '' TERM HUP; sleep 600 & echo $$ $! > started.part; mv started.part started; wait"
command = Command(("sh", "-c", script), folder, {"PATH": "/bin:/usr/bin"}, folder / "log.txt")
started = []
thread = threading.Thread(target=lambda: started.append(start_process(command)))
thread.start()
thread.join()
print("the thread that started it has ended", flush=True)
sys.stdin.read()
"""


def test_a_command_and_what_it_started_end_when_their_owner_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout and owner.stdout.readline()
        wait_for(tmp_path / "started")
        pids = [int(pid) for pid in (tmp_path / "started").read_text().split()]
        os.killpg(pids[0], signal.SIGTERM)  # which both ignore
        assert not any(has_ended(pid) for pid in pids)
        owner.kill()
    assert all(is_gone(pid) for pid in pids)
