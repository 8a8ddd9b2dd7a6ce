"""Run AWS's own model server (multi-model-server, on Java) for an extracted model, locally.

It is started as its own command does, with the settings of SageMaker's inference toolkit, and runs
the toolkit's handler service: the very software of SageMaker's PyTorch images before TorchServe.
"""

import http.client
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_HANDLER = "sagemaker_inference.default_handler_service"
START_SECONDS = 120.0
_STOP_SECONDS = 15.0
_MAXIMUM_BODY = 6_291_456
_PORTS = range(20_000, 32_000)


class ModelServerMissing(RuntimeError):
    """Java, multi-model-server or sagemaker-inference is not there; the message says which."""


class ModelServerNotWell(RuntimeError):
    """The model server ended, or did not answer in time; the message holds the end of its log."""


def missing_part() -> str | None:
    """Return what the server needs that is not installed; None when it can be started."""
    if shutil.which("java") is None:
        return "java"
    names = {"mms": "multi-model-server", "sagemaker_inference": "sagemaker-inference"}
    return next((names[n] for n in names if importlib.util.find_spec(n) is None), None)


@contextmanager
def running_model_server(
    base: Path, environment: Mapping[str, str], workers: int = 1, start_s: float = START_SECONDS
) -> Iterator[tuple[int, int]]:
    """Serve the model extracted at `base`/model; yields its port and the Java process's id.

    `base` is what /opt/ml is in a container; logs lie there too. Raises
    ModelServerMissing or ModelServerNotWell.
    """
    if missing := missing_part():
        raise ModelServerMissing(f"{missing} is not installed")
    port, log = free_port(), base / "server.log"
    config = base / "server.properties"
    config.write_text(_properties(port, workers))
    # its sockets lie there, and a socket's path may not be long
    with tempfile.TemporaryDirectory(prefix="mms-", dir="/tmp") as short, log.open("wb") as output:
        process = subprocess.Popen(
            _command(base, config, short),
            cwd=base,
            env=_environment(base, environment, workers) | {"TEMP": short},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its workers end with it: one signal for the group
        )
        try:
            wait_until(process, port, log, start_s)
            yield port, process.pid
        finally:
            stop(process)


def post(port: int, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    """Send a POST to /invocations; return status, content type and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/invocations", body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


def _command(base: Path, config: Path, temporary: str) -> list[str]:
    home, toolkit = _package("mms"), _package("sagemaker_inference")
    java = ["java", f"-Dmodel_server_home={home.parent}", f"-Djava.io.tmpdir={temporary}"]
    logs = f"-Dlog4j.configurationFile=file://{toolkit / 'etc' / 'log4j2.xml'}"
    server = ["-cp", f"{home / 'frontend'}/*", "com.amazonaws.ml.mms.ModelServer"]
    models = ["-f", str(config), "-s", "/", "-m", f"model={base / 'model'}"]
    return [*java, logs, "-XX:-UseContainerSupport", *server, "--python", sys.executable, *models]


def _package(name: str) -> Path:
    """Return the folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModelServerMissing(f"{name} is not installed")
    return Path(spec.origin).parent


def _properties(port: int, workers: int) -> str:
    """Return what the inference toolkit writes into /etc/sagemaker-mms.properties."""
    address = f"http://127.0.0.1:{port}"
    values = {
        "enable_envvars_config": "true",
        "decode_input_request": "false",
        "load_models": "ALL",
        "default_response_timeout": 60,
        "default_workers_per_model": workers,
        "inference_address": address,
        "management_address": address,
        "max_request_size": _MAXIMUM_BODY,
        "default_service_handler": _HANDLER,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _environment(base: Path, own: Mapping[str, str], workers: int) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SAGEMAKER_"))}
    logs = {"LOG_LOCATION": str(base / "logs"), "METRICS_LOCATION": str(base / "logs")}
    places = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(base / "model" / "code"),
        "PYTHONPATH": str(base / "model" / "code"),
    }
    return {**kept, **logs, **places, **own}


def wait_until(
    process: subprocess.Popen[bytes],
    port: int,
    log: Path,
    seconds: float,
    jpeg: bytes | None = None,
) -> None:
    """Wait until a server is well, or with `jpeg` answers it. Raises ModelServerNotWell."""
    deadline = time.monotonic() + seconds
    while not (_is_well(port) and (jpeg is None or _answers(port, jpeg))):
        if process.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(errors="replace")[-2000:]
            raise ModelServerNotWell(f"the model server is not well: {end}")
        time.sleep(0.1)


def _answers(port: int, jpeg: bytes) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return post(port, jpeg, {"Content-Type": "image/jpeg"})[0] == 200
    return False


def _is_well(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and all that it has started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def free_port() -> int:
    """Return a port that is free now; the server refuses those from 32767 on."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ModelServerNotWell("no port below 32767 is free")
