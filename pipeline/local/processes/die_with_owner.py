"""Become a command whose process group ends when its owner does, in whatever way.

Run as a script: `die_with_owner.py REPORT LC_CTYPE FOLDER OPT_ML COMMAND…`. The owner holds the
other end of its standard input: a process beside the command waits for that to be closed and kills
the group. REPORT is a file descriptor, closed when the command runs; the error's number goes there
when it cannot. LC_CTYPE is the command's own variable of that name, if it has one, FOLDER the one
to run in, OPT_ML the one that is to be its /opt/ml, if any.
"""

import os
import signal
import sys


def main(report: int, character_type: str, folder: str, opt_ml: str, command: list[str]) -> None:
    """Leave a guard behind and become the command."""
    try:
        _leave_guard(report)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        if opt_ml:
            _enter(opt_ml)
        os.chdir(folder)
        _undo_python(character_type)
        os.set_inheritable(report, False)
        os.execvp(command[0], command)  # noqa: S606 - this is its purpose
    except OSError as error:
        os.write(report, str(error.errno).encode())


def _leave_guard(report: int) -> None:
    # before there is a guard: a signal to the group could end it before it blocks signals itself
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if between := os.fork():
        os.waitpid(between, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    if os.fork():
        os._exit(0)  # so that the guard is no child of the command, which may wait for all of its
    os.closerange(1, report + 1)
    os.read(0, 1)  # nothing is ever written
    os.killpg(0, signal.SIGKILL)


def _enter(opt_ml: str) -> None:
    sys.path.insert(0, __file__.rpartition("/")[0])
    import own_opt_ml  # type: ignore[import-not-found]

    own_opt_ml.enter(opt_ml)


def _undo_python(character_type: str) -> None:
    """Undo what this interpreter changed as it started, which the command would inherit."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.environ.pop("LC_CTYPE", None)
    if character_type:
        os.environ["LC_CTYPE"] = character_type


if __name__ == "__main__":
    _, report, character_type, folder, opt_ml, *command = sys.argv
    main(int(report), character_type, folder, opt_ml, command)
