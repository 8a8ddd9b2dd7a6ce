"""Decide what a job gets as /opt/ml: a mount of its own, or paths into its folder and a watch.

Where this machine has no private mounts, a script that writes to /opt/ml by its name would write
into the machine's own folder, and what it wrote would be lost: that job fails and says so.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.local.failures import StepFailed
from pipeline.local.jobs.containers import Job, log_tail
from pipeline.local.processes import own_opt_ml
from pipeline.local.processes.command import Ending
from pipeline.temporary import temporary_folder

_MACHINES = Path(own_opt_ml.OPT_ML)
# What containers have there; a machine may keep other things under /opt/ml.
_FOLDERS = ("processing", "config", "input", "output", "model", "checkpoints", "code", "failure")
_NAMED = re.compile(r"(?<![\w./-])/opt/ml(?![\w.-])(?:/[\w.-]+)*")
_CODE = (".py", ".sh", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg")
_HINT = (
    "take such paths from arguments, SM_* variables or hyperparameters, or let this machine have "
    "private mounts: docs/troubleshooting.md"
)


def why_none(state: Path) -> str:
    """Say why no job here can have its own /opt/ml; nothing when it can.

    What jobs need, Python, the folder `state` and that of temporary files, must stay in sight.
    """
    if not sys.platform.startswith("linux"):
        return "only Linux has private mounts"
    needed = (sys.executable, sys.prefix, str(state), tempfile.gettempdir())
    with temporary_folder("mount") as folder:
        tried = subprocess.run(
            [sys.executable, "-I", "-S", own_opt_ml.__file__, folder, *needed],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    lines = tried.stderr.strip().splitlines()
    return "" if tried.returncode == 0 else lines[-1] if lines else "trying it failed"


@dataclass(frozen=True)
class Guard:
    """A watch over the machine's own /opt/ml beside a job that has none; idle for one that has."""

    job: Job
    files: frozenset[tuple[Path, int, int]] = frozenset()

    @classmethod
    def start(cls, job: Job, code: Iterable[Path]) -> "Guard":
        """Begin before the job does. Raises StepFailed when its code names what the machine has."""
        if not job.no_own_opt_ml:
            return cls(job)
        existing = [_MACHINES / name for name in _FOLDERS if (_MACHINES / name).exists()]
        for file in _code_files(code) if existing else ():
            for path in map(Path, _NAMED.findall(file.read_text(errors="replace"))):
                if path == _MACHINES or (path.exists() and any(map(path.is_relative_to, existing))):
                    shown = existing[0] if path == _MACHINES else path
                    what = f"{file.name} names {path}, and this machine has {shown} itself"
                    raise StepFailed(job.step, f"{what}{_why(job)}: remove it; {_HINT}")
        return cls(job, frozenset(_machines_files()))

    def judge(self, ending: Ending, failure: StepFailed | None) -> StepFailed | None:
        """Return the job's failure, also when it left files in the machine's own /opt/ml."""
        if not self.job.no_own_opt_ml or ending.cause == "stopped":
            return failure
        tail = log_tail(self.job.log)
        if failure:
            if not any(map(_NAMED.search, tail)):
                return failure
            why = f"/opt/ml is the machine's own here{_why(self.job)}: {_HINT}"
            reason = f"{failure.reason} ({why})"
        elif left := sorted({path for path, *_ in _machines_files() - self.files}):
            shown = ", ".join(map(str, left[:3])) + (", …" if len(left) > 3 else "")
            what = f"while it ran, files came into this machine's own /opt/ml: {shown}"
            reason = f"{what}{_why(self.job)}: remove them; {_HINT}"
        else:
            return None
        code = failure.job_exit_code if failure else None
        return StepFailed(self.job.step, reason, exit_code=code, log=self.job.log, log_tail=tail)


def _why(job: Job) -> str:
    return f", as no job can have its own ({job.no_own_opt_ml})"


def _code_files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in _files(folder) if path.suffix in _CODE)


def _machines_files() -> set[tuple[Path, int, int]]:
    """List the files of the machine's own /opt/ml that a container would have, as they are now."""
    found = set()
    for path in (path for name in _FOLDERS for path in _files(_MACHINES / name)):
        try:
            status = path.stat()
        except OSError:
            continue
        found.add((path, status.st_mtime_ns, status.st_size))
    return found


def _files(path: Path) -> Iterator[Path]:
    yield from (each for each in (path, *path.rglob("*")) if each.is_file())
