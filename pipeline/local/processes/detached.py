"""Start a process that outlives this one, in a session of its own, with a lock that it holds."""

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from pipeline.command_line.running import ROOT


def start_detached(command: Sequence[str], log: Path, lock: int) -> int:
    """Start a command of this repository, whatever folder this is, and return its number.

    What it prints goes to `log`; it inherits the file `lock` and holds what that locks until it
    ends. Raises OSError.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid
