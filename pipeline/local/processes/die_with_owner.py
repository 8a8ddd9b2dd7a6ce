"""Become a command whose process group ends when its owner does, in whatever way.

Run as a script: `die_with_owner.py REPORT LC_CTYPE COMMAND…`. The owner holds the other end of its
standard input: a process beside the command waits for that to be closed and kills the group. REPORT
is a file descriptor, closed when the command runs; the error's number goes there when it cannot.
LC_CTYPE is the command's own variable of that name, if it has one.
"""

import os
import signal
import sys


def main(report: int, character_type: str, command: list[str]) -> None:
    """Leave a guard behind and become the command."""
    try:
        _leave_guard(report)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        _undo_python(character_type)
        os.set_inheritable(report, False)
        os.execvp(command[0], command)  # noqa: S606 - this is its purpose
    except OSError as error:
        os.write(report, str(error.errno).encode())


def _leave_guard(report: int) -> None:
    if between := os.fork():
        os.waitpid(between, 0)
        return
    if os.fork():
        os._exit(0)  # so that the guard is no child of the command, which may wait for all of its
    os.closerange(1, report + 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.read(0, 1)  # nothing is ever written
    os.killpg(0, signal.SIGKILL)


def _undo_python(character_type: str) -> None:
    """Undo what this interpreter changed as it started, which the command would inherit."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.environ.pop("LC_CTYPE", None)
    if character_type:
        os.environ["LC_CTYPE"] = character_type


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
