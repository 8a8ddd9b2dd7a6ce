"""The process behind an endpoint: one model on /ping and /invocations, by AWS's contract.

Started by hosting.py with a listening socket. It ends when the pipe on its standard input closes,
that is, whenever the process that started it ends, in whatever way.
"""

import argparse
import asyncio
import json
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
from pipeline.local.inference_contract import LoadedModel, load_model

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

MAXIMUM_BODY = 6_291_456
_GRACE_SECONDS = 10
_CODES = {400: "bad_request", 413: "too_large", 415: "unsupported_type", 422: "unusable_input"}
_log = logging.getLogger("model_server")


def create_app(model: LoadedModel, workers: int = 1) -> "Starlette":
    """The HTTP application of one loaded model; `workers` predictions run at a time."""
    from anyio import CapacityLimiter, to_thread
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    limiter = CapacityLimiter(workers)

    async def ping(_request: "Request") -> Response:
        return Response(status_code=200)

    async def invocations(request: "Request") -> Response:
        body = await read_body(request, MAXIMUM_BODY)
        if body is None:
            message = f"the body is larger than {MAXIMUM_BODY} bytes"
            return Response(error_body("too_large", message), 413, media_type="application/json")
        headers = dict(request.headers)
        status, content, kind = await to_thread.run_sync(
            lambda: _answer(model, body, headers), limiter=limiter
        )
        return Response(content, status, headers={"Content-Type": kind})

    routes = [Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])]
    return Starlette(routes=routes)


async def read_body(request: "Request", maximum: int) -> bytes | None:
    """The body of a request, or None as soon as it is larger than `maximum` bytes."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > maximum:
        return None
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > maximum:
            return None
    return bytes(chunks)


def error_body(code: str, message: str) -> bytes:
    """An error as every endpoint of ours answers it."""
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def _answer(model: LoadedModel, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str]:
    content_type = headers.get("content-type", "")
    try:
        content, kind = model.answer(body, content_type, headers.get("accept", ""), headers)
    except Exception as error:
        status, content = _refusal(error)
        return status, content, "application/json"
    return 200, content, kind


def _refusal(error: Exception) -> tuple[int, bytes]:
    """A request the model's code refuses keeps its status and words; a fault of the code has none.

    The code says so with an exception that has a `status` (or `status_code`), `code` and `message`.
    """
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if not isinstance(status, int) or not 400 <= status <= 599:
        _log.error("the model failed", exc_info=error)
        return 500, error_body("internal_error", "the model failed; its log says why")
    code = getattr(error, "code", None) or _CODES.get(status, "refused")
    return status, error_body(str(code), str(getattr(error, "message", "") or error))


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
    return load_model(folder, os.environ.get("SAGEMAKER_PROGRAM", "inference.py"))


def _serve(model: LoadedModel, fd: int, orphaned: threading.Event) -> None:
    import uvicorn

    workers = int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "1"))
    config = uvicorn.Config(
        create_app(model, workers),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

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
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.model_server")
    parser.add_argument("--model", type=Path, required=True, help="model.tar.gz")
    parser.add_argument("--work", type=Path, required=True, help="folder to unpack in")
    parser.add_argument("--fd", type=int, required=True, help="a listening socket")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
