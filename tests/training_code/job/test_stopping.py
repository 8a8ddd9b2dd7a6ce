"""SIGTERM ends a training at once, and leaves what is kept as it is."""

import subprocess
import sys
from pathlib import Path

CODE = Path(__file__).resolve().parents[3] / "training_code"
SCRIPT = """
import os, signal
from job.stopping import stoppable
with stoppable():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        print("closed what was watched")
"""


def test_it_says_what_comes_next_and_closes_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=CODE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 143
    assert (
        done.stdout == "stopped by SIGTERM; started again, it goes on after the last whole epoch\n"
    )
