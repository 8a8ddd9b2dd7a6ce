"""Start, ask and end the model server of an endpoint: the very one of the serving image."""

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_code.server.model_server.sockets import listen
from pipeline.archives import ArchiveError, extract_archive
from pipeline.command_line.running import ROOT
from pipeline.errors import PipelineError
from pipeline.local.jobs.containers import THREADS, bare_environment
from pipeline.local.service.hosting.model_environment import environment_problem
from pipeline.local.service.hosting.server_log import ending, own_log, why_it_ended
from pipeline.temporary import is_alive

START_SECONDS = 120.0
INVOKE_SECONDS = 60.0
_PING_SECONDS = 2.0
_STOP_SECONDS = 12.0
_SERVER = ROOT / "inference_code" / "server"
_PASSED_ON = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")


class ModelServerError(PipelineError):
    """A model server did not start, or ended while it was asked."""


class ModelServerGoneError(ModelServerError):
    """A model server had ended before it was asked."""


class ModelTimeoutError(ModelServerError):
    """A model server did not answer in the time SageMaker gives it."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class ModelServer:
    """A running model server; `folder` is its unpacked model, which goes when it is stopped."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    folder: Path | None = None

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send POST /invocations and return the reply.

        Raises ModelTimeoutError after 60 s, ModelServerGoneError if it had ended before, and
        ModelServerError if it ended at this request.
        """
        sent = {k: v for k, v in headers.items() if k.lower() in _PASSED_ON and v}
        try:
            return _post(self.port, body, sent)
        except TimeoutError as error:
            message = f"no answer in {INVOKE_SECONDS:.0f} s; see {self.log}"
            raise ModelTimeoutError(message) from error
        except (OSError, http.client.HTTPException) as error:
            refused = isinstance(error, ConnectionRefusedError)
            kind = ModelServerGoneError if refused else ModelServerError
            raise kind(f"{self._what_happened()}; see {self.log}") from error

    def _what_happened(self) -> str:
        try:
            code = self.process.wait(1)  # its sockets close a moment before it has ended
        except subprocess.TimeoutExpired:
            return "the model server gave no whole answer"
        return f"the model server ended: {ending(code)}"

    def metrics(self) -> Reply:
        """Fetch /metrics. Raises ModelServerError when it does not answer."""
        try:
            return _get(self.port, "/metrics")
        except (OSError, http.client.HTTPException) as error:
            raise ModelServerError(f"the model server tells no metrics; see {self.log}") from error

    def is_well(self) -> bool:
        """Check whether it runs and answers /ping within the 2 s that SageMaker gives it."""
        if self.process.poll() is not None:
            return False
        try:
            return _get(self.port, "/ping").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        """End the server and wait for its end; it may finish what it is at."""
        if self.process.stdin:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def start_model_server(
    archive: Path,
    work: Path,
    log: Path,
    environment: Mapping[str, str],
    *,
    cancel: threading.Event | None = None,
    seconds: float = START_SECONDS,
) -> ModelServer:
    """Start a server for a model.tar.gz and wait until it is well.

    It sees `environment` and, as a job does, nothing of the user's own that could be a secret. Its
    log lies beside `log`, with a number. Raises ModelServerError with its own reason when it ends,
    is not well in time, or `cancel` is set.
    """
    if problem := environment_problem(environment):  # of what was made before this was asked
        raise ModelServerError(problem)
    if not archive.is_file():
        raise ModelServerError(f"there is no model at {archive}")
    try:
        work.mkdir(parents=True, exist_ok=True)
        log = own_log(log)
        server = _launch(_unpacked(archive, work), work, log, environment)
    except ArchiveError as error:
        raise ModelServerError(f"the model server did not start: {error}") from error
    except OSError as error:
        raise ModelServerError(f"the model server cannot be started: {error}") from error
    deadline = time.monotonic() + seconds
    while not server.is_well():
        if reason := _reason_to_give_up(server, seconds, deadline, cancel):
            server.stop()
            raise ModelServerError(f"the model server did not start: {reason} (log: {log})")
        time.sleep(0.05)
    return server


def _reason_to_give_up(
    server: ModelServer, seconds: float, deadline: float, cancel: threading.Event | None
) -> str | None:
    code = server.process.poll()
    if code is not None:
        return why_it_ended(code, server.log)
    if cancel and cancel.is_set():
        return "its host ends"
    return f"not well after {seconds:.0f} s" if time.monotonic() > deadline else None


def sweep(work: Path) -> None:
    """Remove the unpacked models that a killed process left in `work`."""
    for folder in work.glob("model-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _unpacked(archive: Path, work: Path) -> Path:
    """Unpack a model into a folder of its own, as SageMaker does before it starts an image."""
    sweep(work)
    folder = work / f"model-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    try:
        extract_archive(archive, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _launch(model: Path, work: Path, log: Path, environment: Mapping[str, str]) -> ModelServer:
    # The socket is made here and handed over, so no other program can take the port in between.
    try:
        with listen("127.0.0.1", 0) as listener, log.open("ab") as output:
            command = [sys.executable, "-m", "model_server", "serve", "--owned", "--loopback-only"]
            process = subprocess.Popen(
                [*command, "--model-dir", model, "--fd", str(listener.fileno())],
                cwd=_SERVER,  # where Python finds it; no other module of ours is there
                env=_environment(environment, work),
                stdin=subprocess.PIPE,  # closes when this process ends
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is for us; we end it in order
            )
            return ModelServer(process, listener.getsockname()[1], log, model)
    except BaseException:
        shutil.rmtree(model, ignore_errors=True)
        raise


def _environment(own: Mapping[str, str], work: Path) -> dict[str, str]:
    base = bare_environment(work / "home", tempfile.gettempdir())
    # a job is given a number of threads, a server has the machine unless the user says less
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return base | threads | dict(own)


def _post(port: int, body: bytes, headers: dict[str, str]) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=INVOKE_SECONDS)
    try:
        connection.request("POST", "/invocations", body, headers)
        return _reply(connection.getresponse())
    finally:
        connection.close()


def _get(port: int, path: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PING_SECONDS)
    try:
        connection.request("GET", path)
        return _reply(connection.getresponse())
    finally:
        connection.close()


def _reply(response: http.client.HTTPResponse) -> Reply:
    kept = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, kept, response.read())
