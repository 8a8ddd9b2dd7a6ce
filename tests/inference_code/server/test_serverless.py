"""The server serves where it can write nowhere but in /tmp, as on a serverless endpoint."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx

from pipeline.command_line.running import ROOT
from tests.patience import PATIENCE

SERVE = [sys.executable, "-m", "model_server", "serve"]
# Python asks it before it writes: what a container would be refused, the server is refused here.
READ_ONLY = """
import os, sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink")
MAY = (os.environ["MAY_WRITE"] + os.sep, "/dev/null")

def look(event, given):
    changes = event in CHANGES or (event == "open" and (given[2] or 0) & WRITES)
    if changes and isinstance(given[0], str | bytes | os.PathLike):
        path = os.path.abspath(os.fsdecode(given[0]))
        if not path.startswith(MAY):
            raise OSError(30, "Read-only file system", path)

sys.addaudithook(look)
"""


def test_the_server_writes_nowhere_but_in_the_temporary_folder(
    ml: Path, picture: Callable[..., bytes], tmp_path: Path
) -> None:
    for name in ("hook", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(READ_ONLY)
    environment = {
        **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
        "PYTHONPATH": str(tmp_path / "hook"),
        "PYTHONDONTWRITEBYTECODE": "1",  # as in the Dockerfile
        "MAY_WRITE": str(tmp_path / "tmp"),
        "TMPDIR": str(tmp_path / "tmp"),
        "SERVING_METRICS_LOG": "/proc/1/fd/1",
    }
    listener, log = socket.create_server(("127.0.0.1", 0)), (tmp_path / "log").open("wb")
    with listener, log, _serving(ml / "model", listener, environment, log) as process:
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            assert _is_well(url, process), (tmp_path / "log").read_text()
            kind = {"Content-Type": "image/jpeg"}
            answer = httpx.post(
                f"{url}/invocations", content=picture(), headers=kind, timeout=PATIENCE
            )
            assert answer.status_code == 200, (tmp_path / "log").read_text()
        finally:
            process.terminate()
            process.wait(PATIENCE)
    assert "Read-only" not in (tmp_path / "log").read_text()


def test_the_folder_is_really_refused(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(READ_ONLY)
    environment = {"PYTHONPATH": str(tmp_path), "MAY_WRITE": str(tmp_path / "tmp")}
    writes = f"open({str(tmp_path / 'file')!r}, 'w')"
    done = subprocess.run(
        [sys.executable, "-c", writes], env=environment, capture_output=True, check=False
    )
    assert b"Read-only file system" in done.stderr


def _serving(
    model: Path, listener: socket.socket, environment: dict[str, str], log: BinaryIO
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*SERVE, "--model-dir", str(model), "--fd", str(listener.fileno())],
        cwd=ROOT / "inference_code" / "server",
        env=environment,
        stderr=log,
        pass_fds=[listener.fileno()],
    )


def _is_well(url: str, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(f"{url}/ping").status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    return False
