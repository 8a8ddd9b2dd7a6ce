"""Start Python scripts by forking a process that has heavy packages loaded already.

Run as a script: it imports nothing of this project, so that a job finds what it would find in an
interpreter of its own. Requests come as JSON lines on stdin, {"run": id, "script", "arguments",
"cwd", "environment", "log", "opt_ml", "modules", "threads"}, {"signal": id, "number"} or {"load":
modules}; {"id", "code"} goes to stdout when a job has ended, {"loaded": modules} when they are.
When stdin closes, every job is killed.
"""

import atexit
import builtins
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import threading
import types
import weakref
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import threadpoolctl

# Read by hand: the buffer of an ordinary file object would be copied into every job.
_CHUNK = 65536


class Launcher:
    """The loop that forks, signals and reaps. `serve` returns in a job's process only."""

    def __init__(self, requests: int, answers: int) -> None:
        """Take the file descriptors to read requests from and to write answers to."""
        self._requests = requests
        self._answers = answers
        self._jobs: dict[int, int] = {}
        self._rest = b""
        self._pools = threadpoolctl.ThreadpoolController()
        self._wake, self._waker = os.pipe()
        for end in (self._wake, self._waker):
            os.set_blocking(end, False)

    def serve(self) -> dict[str, Any]:
        """Serve until a forked job needs its script; return, in its process, the job's request."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self._requests, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == self._wake:
                    os.read(self._wake, _CHUNK)
                    self._reap()
                    continue
                for request in self._read():
                    if "signal" in request:
                        self._signal(request["signal"], request["number"])
                    elif "load" in request:
                        self._load(request["load"])
                        self._say({"loaded": request["load"]})
                    elif self._fork(request):
                        selector.close()
                        return request

    def _read(self) -> list[dict[str, Any]]:
        data = os.read(self._requests, _CHUNK)
        if not data:
            for identity in list(self._jobs):
                self._signal(identity, signal.SIGKILL)
            os._exit(0)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _fork(self, request: dict[str, Any]) -> bool:
        """Fork one job; True in its own process."""
        self._load(request["modules"])
        gc.freeze()  # keeps the pages of what is loaded shared
        process = os.fork()
        # Both sides make the group: a signal may come before the other one has.
        with contextlib.suppress(OSError):
            os.setpgid(process, process)
        if process:
            self._jobs[request["run"]] = process
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._requests, self._answers, self._wake, self._waker):
            os.close(end)
        return True

    def _load(self, modules: list[str]) -> None:
        if preload(modules):
            self._pools = threadpoolctl.ThreadpoolController()
            keep_at_exit()

    def use_threads(self, count: int | None) -> None:
        """Give what is loaded the job's number of threads: it has read the launcher's own.

        Not NumPy's OpenBLAS, whose number the launcher has from the job's environment.
        """
        if count is None:
            return
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(count)  # also for its MKL, which is not in the pools
        self._pools.select(user_api="openmp").limit(limits=count)

    def _signal(self, identity: int, number: int) -> None:
        if identity in self._jobs:
            with contextlib.suppress(OSError):
                os.killpg(self._jobs[identity], number)

    def _reap(self) -> None:
        for identity, process in list(self._jobs.items()):
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # While its leader is not yet waited for, the group's number cannot be another's.
            self._signal(identity, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            del self._jobs[identity]
            self._say({"id": identity, "code": code})

    def _say(self, answer: dict[str, Any]) -> None:
        os.write(self._answers, json.dumps(answer).encode() + b"\n")


def preload(modules: list[str]) -> bool:
    """Import modules for jobs; True if any was new. One that fails will say so in the job."""
    new = [name for name in modules if name not in sys.modules]
    for name in new:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if "numpy" in sys.modules:  # or seeding NumPy would import it in every job
        importlib.import_module("numpy.random")
    return bool(new)


def keep_at_exit() -> None:
    """Leave what is loaded as it is when a job ends: taking it apart takes time."""
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False


def become(request: dict[str, Any], own_opt_ml: types.ModuleType) -> None:
    """Make this process the job's: output, /opt/ml, folder, environment. Raises OSError."""
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if request["opt_ml"]:
        own_opt_ml.enter(request["opt_ml"])
    _die_with_parent()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    # Python's own generator is seeded anew in every fork, NumPy's is not.
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def run_script(script: str, arguments: list[str]) -> int:
    """Run a file as `python3 script arguments…` does; return the exit code."""
    path = str(Path.cwd() / script)
    sys.argv = [script, *arguments]
    sys.orig_argv = [sys.executable, *sys.argv]
    sys.path.insert(0, str(Path(script).resolve().parent))
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __loader__=SourceFileLoader("__main__", path),
        __cached__=None,
        __annotations__={},
    )
    sys.modules["__main__"] = main
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {path!r}: {reason}", file=sys.stderr)
        return 2
    try:
        exec(compile(source, path, "exec"), main.__dict__)  # noqa: S102 - this is its purpose
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except Exception as error:
        trace = error.__traceback__
        # The frames of this file are nothing to the script's author.
        while trace and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def leave(code: int, folder: str) -> None:
    """End the process as the interpreter would, except for taking apart what was loaded before.

    That would touch, and so copy, all of the shared memory: half a second with PyTorch. Returns
    when the interpreter has to do it after all.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    if threading.active_count() > 1:
        return  # the interpreter alone can freeze daemon threads before it takes things apart
    atexit._run_exitfuncs()
    for name, module in reversed(list(sys.modules.items())):
        file = getattr(module, "__file__", None) or ""
        if name == "__main__" or file.startswith(f"{folder}/"):
            vars(module).clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)


def _load(name: str) -> types.ModuleType:
    """Load the module of that name beside this file; a job could not import it."""
    module = types.ModuleType(name)
    SourceFileLoader(name, str(Path(__file__).with_name(f"{name}.py"))).exec_module(module)
    return module


def _die_with_parent() -> None:
    """Have this job killed when the launcher ends, even when that is killed itself."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main() -> int:
    """Serve; in a job's process, become the job and return its exit code."""
    del sys.path[0]
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    launcher = Launcher(requests, answers)
    own_opt_ml = _load("own_opt_ml")
    request = launcher.serve()
    try:
        become(request, own_opt_ml)
    except OSError as error:
        print(f"the job cannot be started: {error}", file=sys.stderr)
        return 1
    launcher.use_threads(request["threads"])  # after that there may be more than one
    code = run_script(request["script"], request["arguments"])
    leave(code, sys.path[0])
    return code


if __name__ == "__main__":
    sys.exit(main())
