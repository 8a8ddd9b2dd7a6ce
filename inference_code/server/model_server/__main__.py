"""Serve one model on /ping and /invocations, as SageMaker asks its containers to.

    python -m model_server serve

SageMaker starts an image as `IMAGE serve`, with the model unpacked in /opt/ml/model. A laptop
starts the same with --owned, --loopback-only, --model-dir and --fd. The environment has AWS's names
for the file of code/ to load (SAGEMAKER_PROGRAM), the port (SAGEMAKER_BIND_TO_PORT), and how many
requests may be in its code at a time (SAGEMAKER_MODEL_SERVER_WORKERS). Started as root, it becomes
the user number MODEL_SERVER_USER, if that is set, before it loads the model. It listens once the
model is loaded, and ends with 1 and a sentence in its log when the model cannot be.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from starlette.applications import Starlette

from model_server.app import create_app
from model_server.bodies import error_body
from model_server.contract import InferenceCodeError, LoadedModel, load_model
from model_server.http import GRACE_SECONDS, http_server
from model_server.loopback import LoopbackOnly
from model_server.sockets import listen

_METRICS = "SERVING_METRICS_LOG"
_log = logging.getLogger("model_server")


class StartError(Exception):
    """A server cannot start as it was told to; the message says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the model, then serve until told to end; 1 when it cannot be served."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, _end)  # the first process of a container has no default for it
    orphaned = threading.Event()
    folder: Path = options.model_dir
    if options.owned:
        threading.Thread(target=_end_with_owner, args=(orphaned, folder), daemon=True).start()
    try:
        become_user(folder)
        _serve(_application(load(folder), options), _listener(options.fd), orphaned)
    except (InferenceCodeError, StartError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        if options.owned:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def become_user(folder: Path) -> None:
    """Give up root for MODEL_SERVER_USER, if that user can read the model in `folder`.

    An endpoint that answers as root is better than none: it says why it does.
    """
    if os.geteuid() or "MODEL_SERVER_USER" not in os.environ or not folder.is_dir():
        return
    user = _number("MODEL_SERVER_USER", 0)
    if hidden := next((path for path in _way_to(folder) if not _is_for_all(path)), None):
        _log.warning("serving as root: %s cannot be read by others", hidden)
        return
    try:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except OSError as error:  # a container without these rights, or with one user only
        _log.warning("serving as root: %s", error)
        return
    # in no list of users, so that nothing else says it; PyTorch's import fails without a name
    os.environ.update(HOME="/tmp", LOGNAME="model-server")  # noqa: S108


def _way_to(folder: Path) -> Iterator[Path]:
    yield from reversed(folder.absolute().parents)
    yield folder
    yield from folder.rglob("*")


def _is_for_all(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # a link that leads nowhere hides nothing
        return True
    needed = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return bool(mode & needed)


def load(folder: Path) -> LoadedModel:
    """Load the model that is unpacked in `folder`; raises InferenceCodeError."""
    os.environ["SM_MODEL_DIR"] = str(folder)
    os.environ["SAGEMAKER_SUBMIT_DIRECTORY"] = str(folder / "code")
    os.environ.setdefault("SAGEMAKER_MODEL_SERVER_WORKERS", "1")  # one process has all cores
    if _METRICS in os.environ:
        os.environ[_METRICS] = "stdout"  # the container's own output is this process's
    return load_model(folder, os.environ.get("SAGEMAKER_PROGRAM", "inference.py"))


def _listener(fd: int | None) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    port = _number("SAGEMAKER_BIND_TO_PORT", 8080)
    try:
        return listen("0.0.0.0", port)  # noqa: S104 (a container is asked from outside)
    except (OSError, OverflowError) as error:
        advice = "give a free one in SAGEMAKER_BIND_TO_PORT"
        raise StartError(f"cannot listen on port {port}: {error}: {advice}") from error


def _application(model: LoadedModel, options: argparse.Namespace) -> Starlette:
    application = create_app(model, _number("SAGEMAKER_MODEL_SERVER_WORKERS", 1))
    if options.loopback_only:
        refusal = error_body("Forbidden", "this server answers this machine only")
        application.add_middleware(LoopbackOnly, refusal=refusal)
    return application


def _serve(application: Starlette, listener: socket.socket, orphaned: threading.Event) -> None:
    server = http_server(application)

    def end() -> None:
        orphaned.wait()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    # uvicorn ends in order on SIGTERM and then raises it again: what is left to do comes after.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _log.info("the model is loaded; serving on port %d", listener.getsockname()[1])
    asyncio.run(server.serve(sockets=[listener]))


def _number(variable: str, default: int) -> int:
    value = os.environ.get(variable, "") or str(default)
    if not value.isdecimal() or int(value) < 1:
        raise StartError(f"{variable} must be a number from 1, not {value!r}")
    return int(value)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _end_with_owner(orphaned: threading.Event, folder: Path) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    orphaned.set()
    # Neither loading nor a prediction that never ends may keep the process.
    time.sleep(GRACE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model_server")
    parser.add_argument("command", choices=["serve"])
    place = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    parser.add_argument("--model-dir", type=Path, default=place, help="the unpacked model")
    parser.add_argument("--fd", type=int, help="a listening socket, instead of a port")
    own = "refuse requests for another host's name, and those of web pages of others"
    parser.add_argument("--loopback-only", action="store_true", help=own)
    owned = "end when standard input closes, and remove the unpacked model"
    parser.add_argument("--owned", action="store_true", help=owned)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
