"""Run the process behind an endpoint: one model on /ping and /invocations, by AWS's contract.

Started by model_process.py with a listening socket. It ends when the pipe on its standard input
closes, that is, whenever the process that started it ends, in whatever way.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.archives import extract_archive
from pipeline.errors import PipelineError
from pipeline.local.service.hosting.inference_contract import LoadedModel, load_model
from pipeline.local.service.hosting.model_app import create_app

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Server

_GRACE_SECONDS = 10
_MOST_CONNECTIONS = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Unpack and load the model, then serve until told to end; 1 when it cannot be loaded."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    folder: Path = options.work / f"model-{os.getpid()}"
    sweep(options.work)
    orphaned = threading.Event()
    threading.Thread(target=_end_with_owner, args=(orphaned, folder), daemon=True).start()
    try:
        _serve(_prepare(options.model, folder), options.fd, orphaned)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def sweep(work: Path) -> None:
    """Remove the unpacked models of servers that were killed."""
    for folder in work.glob("model-*"):
        pid = folder.name.removeprefix("model-")
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _prepare(archive: Path, folder: Path) -> LoadedModel:
    folder.mkdir(parents=True)
    extract_archive(archive, folder)
    os.environ["SM_MODEL_DIR"] = str(folder)
    os.environ["SAGEMAKER_SUBMIT_DIRECTORY"] = str(folder / "code")
    os.environ.setdefault("SAGEMAKER_MODEL_SERVER_WORKERS", "1")  # one process has all cores
    return load_model(folder, os.environ.get("SAGEMAKER_PROGRAM", "inference.py"))


def http_server(application: "Starlette") -> "Server":
    """Create the server of an application: limited in connections and headers, ends in order."""
    import uvicorn

    config = uvicorn.Config(
        application,
        http="h11",  # bounds the size of headers
        limit_concurrency=_MOST_CONNECTIONS,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _serve(model: LoadedModel, fd: int, orphaned: threading.Event) -> None:
    workers = int(os.environ["SAGEMAKER_MODEL_SERVER_WORKERS"])
    server = http_server(create_app(model, workers))

    def end() -> None:
        orphaned.wait()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    # uvicorn ends in order on SIGTERM and then raises it again: what is left to do comes after.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(server.serve(sockets=[socket.socket(fileno=fd)]))


def _end_with_owner(orphaned: threading.Event, folder: Path) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    orphaned.set()
    # Neither loading nor a prediction that never ends may keep the process.
    time.sleep(_GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.service.hosting.model_server")
    parser.add_argument("--model", type=Path, required=True, help="model.tar.gz")
    parser.add_argument("--work", type=Path, required=True, help="folder to unpack in")
    parser.add_argument("--fd", type=int, required=True, help="a listening socket")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
