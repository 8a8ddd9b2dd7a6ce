"""Build the serving image from the Dockerfile, and start it as SageMaker does, without a network.

Root, buildah and debootstrap do it without a registry: the base image is Debian as debootstrap
makes it.
"""

import contextlib
import ctypes
import functools
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.command_line.running import ROOT
from tests.patience import PATIENCE, wait_until

TOOLS = ("buildah", "unshare", "mount", "ip")
# what the tests need besides Python packages; the Makefile fills it
PARTS = Path(os.environ.get("SERVING_PARTS", Path(sys.prefix) / "serving"))
BASE = PARTS / "debian"
PORT = 8080
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_NEW_NETWORK = 0x40000000
# The first process of a container of its own: no network but its own loopback.
_START = """
ip link set lo up
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/opt/ml/model"
shift; shift
exec chroot "$@"
"""
# A processing job's container: its folders lie in one of this machine.
_JOB = """
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/opt/ml/processing"
shift; shift
exec chroot "$@"
"""


def missing_part() -> str | None:
    """What is not there to build and start an image; None when all is."""
    if os.geteuid():
        return "root"
    if not (BASE / "etc").is_dir():
        return "Debian by debootstrap (make test puts it into the environment)"
    return next((tool for tool in TOOLS if shutil.which(tool) is None), None)


@dataclass(frozen=True)
class Image:
    """A built image: its files, mounted, and what it says of itself."""

    root: Path
    settings: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(item.split("=", 1) for item in self.settings["Env"])

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        files = (path for path in self.root.rglob("*") if not path.is_symlink())
        inodes = {(found.st_ino, found.st_size) for found in (path.stat() for path in files)}
        return sum(size for _, size in inodes)


@dataclass(frozen=True)
class Container:
    """A started image, asked from inside its network."""

    process: subprocess.Popen[bytes]
    log: Path
    inside: ThreadPoolExecutor
    port: int = PORT

    def connection(self) -> http.client.HTTPConnection:
        """A connection that may be used from any thread."""
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.inside.submit(made.connect).result()
        return made

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, bytes]:
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()

    def send(self, data: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to bytes on the wire."""
        with contextlib.closing(self.connection()) as connection:
            wire = connection.sock
            assert isinstance(wire, socket.socket)
            with contextlib.suppress(OSError):  # refused before all of it was sent
                wire.sendall(data)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            return answer.status, answer.read()

    def is_well(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/ping")[0] == 200
        return False

    @property
    def first(self) -> int:
        """The process that is the first one inside."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def wait_until_well(self, seconds: float) -> float:
        """Seconds until it was well; it ends the test when it was not in time."""
        start = time.monotonic()
        while not self.is_well():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < start + seconds, self.log.read_text()
            time.sleep(0.02)
        return time.monotonic() - start


@contextlib.contextmanager
def built_image(folder: Path) -> Iterator[Image]:
    """The image of inference_code/Dockerfile, for the CPU; buildah's layers outlast the test."""
    store = PARTS / "images"
    buildah = functools.partial(_run, "buildah", "--root", str(store), "--runroot", str(folder))
    if "localhost/base" not in buildah("images"):
        first = buildah("from", "scratch")
        buildah("add", first, str(BASE), "/")
        buildah("commit", first, "base")
        buildah("rm", first)
    options = ["--isolation", "chroot", "--layers", "--build-arg", "BASE=localhost/base"]
    options += ["--target", "cpu", *_pip_of_this_machine(folder), "--tag", "image"]
    buildah("bud", *options, str(ROOT / "inference_code"))
    container = buildah("from", "localhost/image")
    root = Path(buildah("mount", container))
    assert (root / "opt/server").is_dir(), f"{root} is not mounted"
    try:
        found = json.loads(buildah("inspect", "--type", "image", "localhost/image"))
        yield Image(root, found["OCIv1"]["config"])
    finally:
        buildah("umount", container)
        buildah("rm", container)


def _pip_of_this_machine(folder: Path) -> list[str]:
    """What makes pip reach its index from inside the build; none of it stays in the image."""
    lines = ["[global]"]
    mounts = ["--volume", f"{folder / 'pip.conf'}:/etc/pip.conf:ro"]
    if _CERTIFICATES.is_file():
        lines.append("cert = /run/build-ca.crt")
        mounts += ["--volume", f"{_CERTIFICATES}:/run/build-ca.crt:ro"]
    if index := os.environ.get("PIP_INDEX_URL"):
        lines.append(f"index-url = {index}")
    (folder / "pip.conf").write_text("\n".join(lines))
    return mounts


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@contextlib.contextmanager
def started(image: Image, model: Path, log: Path, **environment: str) -> Iterator[Container]:
    """Start the image as SageMaker does: `IMAGE serve`, the model in /opt/ml/model."""
    (image.root / "opt/ml/model").mkdir(parents=True, exist_ok=True)
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    command = [*namespaces, "sh", "-euc", _START, "sh", str(image.root), str(model)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, str(image.root), *image.settings["Entrypoint"], "serve"],
            env={"PATH": os.environ["PATH"], **image.environment, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    inside = ThreadPoolExecutor(1, initializer=enter_network, initargs=(process.pid,))
    container = Container(process, log, inside)
    try:
        yield container
    finally:
        inside.shutdown()
        with contextlib.suppress(OSError, IndexError):  # it has ended
            # by itself: --kill-child no longer holds for a process that took another user
            os.kill(container.first, signal.SIGKILL)
        process.kill()
        process.wait(PATIENCE)


def run_job(image: Image, processing: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the image as SageMaker runs a processing job's, without a network.

    `processing` is the job's /opt/ml/processing.
    """
    (image.root / "opt/ml/processing").mkdir(parents=True, exist_ok=True)
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    inside = ["sh", "-euc", _JOB, "sh", str(image.root), str(processing), str(image.root)]
    return subprocess.run(
        [*namespaces, *inside, *command],
        env={"PATH": os.environ["PATH"], **image.environment},
        capture_output=True,
        text=True,
        check=False,
    )


def enter_network(pid: int) -> None:
    """Move this thread into the network of a process that is about to make one of its own."""
    own, place = Path("/proc/self/ns/net").readlink(), Path(f"/proc/{pid}/ns/net")
    wait_until(lambda: place.readlink() != own)
    with place.open() as namespace:
        assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK) == 0
