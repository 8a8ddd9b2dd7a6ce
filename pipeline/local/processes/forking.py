"""Start jobs through launchers: one for each environment that packages read while they load."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.local.processes.command import Command, Running, start_process
from pipeline.local.processes.preload import ALL_HEAVY, SLOWEST, heavy_imports

# Read by the interpreter or by native libraries as they are loaded: too late for a forked job.
_READ_EARLY = re.compile(
    r"(PYTHON|LD_|OMP_|MKL_|KMP_|GOMP_|OPENBLAS_|TORCH|PYTORCH|ATEN|CUDA|NVIDIA|NCCL|MALLOC_|GLIBC"
    r"|LC_|LANG|TZ)"
)
# The launcher can set these in a job for what is loaded, when both say the same.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_ENDED = "the launcher is gone"
# Run and not imported: it needs packages that the build of a push does not install.
_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


class ForkingStarter:
    """A Starter that forks Python jobs with heavy imports and starts all others plainly.

    A context manager: leaving it kills what still runs. Safe to use from several threads.
    """

    def __init__(self, torch_follows: Callable[[], bool] = lambda: False) -> None:
        """Load PyTorch beside the first job that does without, when `torch_follows` says so."""
        self._torch_follows = torch_follows
        self._lock = threading.Lock()
        self._launchers: dict[tuple[object, ...], _Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._launchers.values():
            client.close()

    def __call__(self, command: Command) -> Running:
        """Start a command. Raises StartError."""
        modules = _forkable(command)
        if not modules:
            return start_process(command)
        threads = _threads(command.environment)
        try:
            client = self._client(command.environment, threads, slow=SLOWEST in modules)
            return client.run(command, modules, threads)
        except OSError:
            return start_process(command)

    def _client(
        self, environment: Mapping[str, str], threads: int | None, *, slow: bool
    ) -> "_Client":
        """Return the launcher for a job, which may need what takes longest to load (`slow`)."""
        settable = () if threads is None else _THREADS
        early = {
            name: value
            for name, value in environment.items()
            if _READ_EARLY.match(name) and name not in settable
        }
        early["PATH"] = environment["PATH"]
        with self._lock:
            if slow:
                return self._launcher(early, slow=True)
            if self._torch_follows():
                self._launcher(early, slow=True).load(ALL_HEAVY)
            loaded = self._launchers.get(_key(early, slow=True))
            ready = loaded is not None and loaded.ready and not loaded.gone
            return loaded if loaded and ready else self._launcher(early, slow=False)

    def _launcher(self, early: dict[str, str], *, slow: bool) -> "_Client":
        key = _key(early, slow=slow)
        client = self._launchers.get(key)
        if client is None or client.gone:
            client = self._launchers[key] = _Client(early)
        return client


def _key(early: Mapping[str, str], *, slow: bool) -> tuple[object, ...]:
    return slow, *sorted(early.items())


def _forkable(command: Command) -> list[str]:
    """List the modules to load for a command; none for one that is better started plainly."""
    if not sys.platform.startswith("linux") or len(command.argv) < 2:
        return []
    interpreter, script, *arguments = command.argv
    if interpreter != sys.executable or not script.endswith(".py"):
        return []
    return heavy_imports(command.outside(command.cwd / script), arguments)


def _threads(environment: Mapping[str, str]) -> int | None:
    """Return the number of threads the environment asks for; None when it is not one number."""
    asked = {environment[name] for name in _THREADS if name in environment}
    number = asked.pop() if len(asked) == 1 else ""
    return int(number) if number.isdecimal() and int(number) > 0 else None


class _Client:
    """One launcher process, and what is known of its jobs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _LAUNCHER],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._codes: dict[int, int] = {}
        self._count = 0
        self._asked_to_load = False
        self.ready = False
        self.gone = False
        threading.Thread(target=self._listen, name="launcher", daemon=True).start()

    def load(self, modules: Sequence[str]) -> None:
        """Have modules loaded, once, for jobs to come; `ready` says when they are."""
        if not self._asked_to_load and not self._count:
            self._asked_to_load = True
            with contextlib.suppress(OSError):
                self._send({"load": list(modules)})

    def run(self, command: Command, modules: list[str], threads: int | None) -> Running:
        """Fork a job. Raises OSError when the launcher is gone."""
        with self._lock:
            self._count += 1
            identity = self._count
        script, *arguments = command.argv[1:]
        self._send(
            {
                "run": identity,
                "script": script,
                "arguments": arguments,
                "cwd": str(command.cwd),
                "environment": dict(command.environment),
                "log": str(command.log),
                "opt_ml": str(command.opt_ml or ""),
                "modules": modules,
                "threads": threads,
            }
        )
        command.log.touch()
        return _Job(self, identity)

    def code(self, identity: int) -> int | None:
        """Return a job's exit code, or None while it runs. A launcher's death is its jobs' too."""
        gone = self.gone
        return self._codes.get(identity, -signal.SIGKILL if gone else None)

    def signal(self, identity: int, number: int) -> None:
        """Signal a job's group, if it still runs."""
        if identity not in self._codes:
            with contextlib.suppress(OSError):
                self._send({"signal": identity, "number": number})

    def close(self) -> None:
        """End the launcher and with it every job."""
        stdin = self._process.stdin
        with contextlib.suppress(OSError):
            if stdin:
                stdin.close()
        if not self._count:
            self._process.kill()  # it may be loading, and hears nothing meanwhile
        self._process.wait()

    def _send(self, request: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if self.gone or stdin is None:
            raise BrokenPipeError(_ENDED)
        with self._lock:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()

    def _listen(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            answer = json.loads(line)
            if "id" in answer:
                self._codes[answer["id"]] = answer["code"]
            self.ready = True  # with a job's end or without: it listens again
        self.gone = True


class _Job:
    """One forked job."""

    def __init__(self, client: _Client, identity: int) -> None:
        self._client = client
        self._identity = identity

    def poll(self) -> int | None:
        return self._client.code(self._identity)

    def signal(self, number: int) -> None:
        self._client.signal(self._identity, number)
