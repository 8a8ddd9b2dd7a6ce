"""Report a job's failure in one clear line, in the log and where SageMaker looks for it."""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

MESSAGE_BYTES = 1024  # SageMaker keeps no more of an ExitMessage or a failure file
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class JobError(Exception):
    """An error a user can cause and mend: the message says what, where and how to mend it."""


def run_job(main: Callable[[], None]) -> None:
    """Run `main`; turn a failure into exit code 1, with its message where SageMaker reads it.

    A JobError or a full disk is one `error: ...` line on stderr. Anything else is our fault and
    keeps its traceback in the log. The message also goes to the file named by EXIT_MESSAGE_FILE
    (processing) or to `$SM_OUTPUT_DIR/failure` (training). SystemExit passes through.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # file names may hold what the log cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
    except JobError as error:
        message = str(error)
    except Exception as error:
        if not (isinstance(error, OSError) and is_disk_full(error)):
            traceback.print_exc()
            _write_message(f"{type(error).__name__}: {error}")
            sys.exit(1)
        message = disk_full_message(error.filename, None)
    else:
        return
    sys.stderr.write(f"error: {message}\n")  # in one piece, as job/log.py
    sys.stderr.flush()
    _write_message(message)
    sys.exit(1)


def is_disk_full(error: OSError) -> bool:
    """Check whether a write failed for want of space: disk, quota or limit on file sizes."""
    return error.errno in _FULL


def disk_full_message(path: str | Path | None, needed: int | None) -> str:
    """Return the message for a full disk; `needed` is in bytes, where it is known."""
    place = "" if path is None else f" at {path}"
    need = "" if needed is None else f": {needed:,} bytes are needed"
    return (
        f"no space left on the disk{place}{need}; free some, or give the job a larger volume"
        " (instances.*.volume_gb)"
    )


def _write_message(message: str) -> None:
    path = _message_file()
    if path is None:
        return
    # the message is also in the log: failing to write it must not hide the failure itself
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = message.encode("utf-8", "backslashreplace")[:MESSAGE_BYTES]
        # of several processes the first has the cause; the others only lost their peer
        with path.open("xb") as file:
            file.write(text.decode("utf-8", "ignore").encode())


def _message_file() -> Path | None:
    if path := os.environ.get("EXIT_MESSAGE_FILE"):
        return Path(path)
    if folder := os.environ.get("SM_OUTPUT_DIR"):
        return Path(folder) / "failure"
    return None
