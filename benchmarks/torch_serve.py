"""Run AWS's last PyTorch model server (TorchServe, on Java) for an extracted model, locally.

It is started with the settings that SageMaker's PyTorch inference toolkit writes, and runs the
toolkit's handler service: the software of SageMaker's PyTorch inference images.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.multi_model_server import (
    START_SECONDS,
    ModelServerMissing,
    free_port,
    stop,
    wait_until,
)

# its requirements collide with ours, so it lies in a folder of its own, which the Makefile fills
PACKAGES = Path(os.environ.get("SERVING_PARTS", Path(sys.prefix) / "serving")) / "torchserve"
_SETTINGS = """
import sys
from sagemaker_pytorch_serving_container import handler_service, torchserve
print(torchserve._generate_ts_config_properties(handler_service.__file__))
"""


def missing_torch_serve() -> str | None:
    """Return what TorchServe needs that is not installed; None when it can be started."""
    if shutil.which("java") is None:
        return "java"
    return None if (PACKAGES / "ts").is_dir() else f"torchserve in {PACKAGES.name}"


@contextmanager
def running_torch_serve(
    base: Path, environment: Mapping[str, str], well: bytes, workers: int = 1
) -> Iterator[int]:
    """Serve the model extracted at `base`/model; yields its port.

    It says that it is well long before it can answer, so `well` is a JPEG that it is asked about.
    Raises ModelServerMissing or ModelServerNotWell.
    """
    if missing := missing_torch_serve():
        raise ModelServerMissing(f"{missing} is not installed")
    port, log = free_port(), base / "torchserve.log"
    with tempfile.TemporaryDirectory(prefix="ts-", dir="/tmp") as short, log.open("wb") as output:
        told = _environment(base, environment, workers, port, short)
        config = base / "torchserve.properties"
        config.write_text(_settings(told) + _other_ports(port))
        process = subprocess.Popen(
            _command(config, short),
            cwd=short,
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its workers end with it: one signal for the group
        )
        try:
            wait_until(process, port, log, START_SECONDS, well)
            yield port
        finally:
            stop(process)


def _command(config: Path, store: str) -> list[str]:
    models = ["--models", "model=" + str(config.parent / "model"), "--model-store", store]
    start = "from ts.model_server import start; start()"
    options = ["--start", "--foreground", "--ncs", "--ts-config", str(config)]
    return [sys.executable, "-c", start, *options, *models]


def _settings(environment: Mapping[str, str]) -> str:
    """Return what the toolkit writes into /etc/sagemaker-ts.properties."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SETTINGS],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _other_ports(port: int) -> str:
    return (
        f"metrics_address=http://127.0.0.1:{free_port()}\n"
        f"grpc_inference_port={free_port()}\ngrpc_management_port={free_port()}\n"
        # the toolkit's own line for all addresses of the machine comes before
        f"inference_address=http://127.0.0.1:{port}\nmanagement_address=http://127.0.0.1:{port}\n"
    )


def _environment(
    base: Path, own: Mapping[str, str], workers: int, port: int, temporary: str
) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SAGEMAKER_"))}
    code = str(base / "model" / "code")
    places = {
        "LOG_LOCATION": str(base / "logs"),
        "METRICS_LOCATION": str(base / "logs"),
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": code,
        "PYTHONPATH": os.pathsep.join((code, str(PACKAGES))),
        "TMPDIR": temporary,
        "TEMP": temporary,
    }
    return {**kept, **places, **own}
