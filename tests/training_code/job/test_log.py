"""A line of a job's log is one write: SageMaker's toolkit makes a line of each piece it reads."""

import socket
import subprocess
import sys
from pathlib import Path

CODE = Path(__file__).resolve().parents[3] / "training_code"
SPEAK = "from job.log import log; log('epoch=1 train_loss=0.5'); log('')"
FAIL = """
from job.errors import JobError, run_job

def main():
    raise JobError("no pictures")

run_job(main)
"""


def pieces_written(program: str, stream: str) -> list[bytes]:
    """Every single write of an unbuffered Python to a stream: a socket keeps them apart."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-u", "-c", program]
        subprocess.run(command, env={"PYTHONPATH": str(CODE)}, check=False, **{stream: theirs})
        theirs.close()
        return list(iter(lambda: ours.recv(1024), b""))


def test_a_line_and_its_newline_are_one_piece() -> None:
    assert pieces_written(SPEAK, "stdout") == [b"epoch=1 train_loss=0.5\n", b"\n"]


def test_so_is_the_reason_of_a_failure() -> None:
    assert pieces_written(FAIL, "stderr") == [b"error: no pictures\n"]
