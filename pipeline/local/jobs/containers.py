"""Provide what training and processing containers share: /opt/ml, its inputs and outputs."""

import gzip
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.durable import durably
from pipeline.local.failures import StepFailed
from pipeline.local.jobs.progress import progress_in
from pipeline.local.processes.command import Ending, Starter
from pipeline.local.processes.own_opt_ml import OPT_ML
from pipeline.local.store import Document, Store
from pipeline.temporary import temporary_folder

# What is passed on of the user's own environment: nothing that could be a secret.
_PASSED_ON = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_TAIL_LINES = 20
_PATH_PREFIX = re.compile(r"(?:(?<![\w./-])|(?<=file://))/opt/ml(?![\w.-])")
_NAME_LIMIT = 63


def _unheard(_text: str) -> None:
    """Take what nobody shows."""


@dataclass(frozen=True)
class Background:
    """Work beside the steps of a run, which ends only when that work has ended too.

    `cancelled` says that nobody waits for it any more.
    """

    submit: Callable[[Callable[[], None]], object]
    cancelled: Callable[[], bool]


@dataclass(frozen=True)
class Job:
    """A job to run: its names, its folder, and what it may use.

    `work` is its own folder: the container's /opt/ml is `work/ml`, its output `work/log.txt`.
    `should_stop` is asked while it runs; `on_metric` hears every metric that it prints,
    `on_progress` how far it says to be; `background` takes what may outlast the job.
    `no_own_opt_ml` is why this machine cannot make that folder the job's /opt/ml, empty where it
    can: then the job gets the folder's own path.
    """

    step: str
    name: str
    store: Store
    work: Path
    arn: Callable[[str, str], str]
    region: str
    cores: int
    start: Starter
    grace_s: float
    should_stop: Callable[[], bool]
    on_metric: Callable[[str, float], None]
    background: Background
    no_own_opt_ml: str = ""
    on_progress: Callable[[str], None] = _unheard

    def hear(self, line: str) -> None:
        """Pass on how far the job is, if a line of its log says it."""
        progress = progress_in(line)
        if progress is not None:
            self.on_progress(progress)

    @property
    def root(self) -> Path:
        """The folder that stands for /opt/ml."""
        return self.work / "ml"

    @property
    def seen_root(self) -> Path:
        """The path of that folder for the job."""
        return self.root if self.no_own_opt_ml else Path(OPT_ML)

    @property
    def mounted(self) -> Path | None:
        """The folder that its command is to see as /opt/ml, if it can."""
        return None if self.no_own_opt_ml else self.root

    @property
    def log(self) -> Path:
        """The file of the job's stdout and stderr."""
        return self.work / "log.txt"

    def local(self, path: str) -> Path:
        """Return the folder behind an absolute path of the container. Raises StepFailed."""
        parts = Path(path).parts
        if parts[:3] != ("/", "opt", "ml") or ".." in parts:
            raise StepFailed(self.step, f"{path} is not under {OPT_ML}: only that folder is shared")
        return self.root.joinpath(*parts[3:])

    def rewrite(self, value: str) -> str:
        """Replace every /opt/ml path in a value by the one that the job sees."""
        return _PATH_PREFIX.sub(lambda _: str(self.seen_root), value)


@dataclass(frozen=True)
class JobOutcome:
    """A job's Describe document at its end, and what went wrong."""

    document: Document
    failure: StepFailed | None = None
    stopped: bool = False
    warnings: tuple[str, ...] = ()


def bare_environment(home: Path, temporary: str) -> dict[str, str]:
    """Build the environment of code that runs here: from nothing, without secrets.

    HOME is a folder of its own, so that no credentials file is found.
    """
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # Code may be a link into the store: compiled files must not appear there.
        "PYTHONDONTWRITEBYTECODE": "1",
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    }


@contextmanager
def job_environment(work: Path, cores: int, region: str) -> Iterator[dict[str, str]]:
    """Yield the environment common to all jobs; delete HOME and TMPDIR when the job ends."""
    home = work / "home"
    try:
        # The system's own place: socket names below a deep state folder would become too long.
        with temporary_folder("job") as temporary:
            yield bare_environment(home, str(temporary)) | {
                "PYTHONHASHSEED": "0",
                "AWS_REGION": region,
                **dict.fromkeys(THREADS, str(cores)),
                # NumPy's threads wait by spinning: beside PyTorch's, or another program, they stall
                "OPENBLAS_NUM_THREADS": "1",
            }
    finally:
        shutil.rmtree(home, ignore_errors=True)


def stage_input(job: Job, uri: str, target: Path, what: str) -> None:
    """Make what lies at a URI appear at `target`, by links: a folder, or a folder with a file.

    Inputs may lie within each other, in any order; of two files of one name the later is there.
    Raises StepFailed when there is nothing, as S3 would.
    """
    source = job.store.path(uri)
    if not source.exists() or (source.is_dir() and not any(source.iterdir())):
        raise StepFailed(
            job.step, f"{what}: there is nothing at {uri} ({source}): put it there or name another"
        )
    if source.resolve().is_relative_to(OPT_ML):
        reason = f"{what}: {source} is in this machine's own {OPT_ML}, which no job sees: move it"
        raise StepFailed(job.step, reason)
    if source.is_dir():
        own_folder(job, target.parent)
        _link(job, source, target)
    else:
        own_folder(job, target)
        _link(job, source, target / source.name)


def own_folder(job: Job, folder: Path) -> None:
    """Make a folder below the job's /opt/ml its own, to write to, also where an input is linked.

    Links to what is in the input take the place of the one link.
    """
    for place in (*reversed(folder.parents), folder):
        if not place.is_relative_to(job.root):
            continue
        source = place.resolve()
        if not place.is_symlink():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.unlink()
        place.mkdir()
        for entry in source.iterdir():
            (place / entry.name).symlink_to(entry)


def _link(job: Job, source: Path, place: Path) -> None:
    if source.is_dir() and place.is_dir():
        own_folder(job, place)
        for entry in source.iterdir():
            _link(job, entry, place / entry.name)
        return
    if place.is_symlink():
        place.unlink()
    place.symlink_to(source, target_is_directory=source.is_dir())


def move_output(source: Path, target: Path) -> bool:
    """Move a folder's files into the store; False when it holds none. Links are left out, as on S3.

    A target that exists keeps its other files. Raises OSError.
    """
    for path in source.rglob("*"):
        if path.is_symlink():
            path.unlink()
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if files and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        return True
    for file in files:
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, place)
    return bool(files)


def say_empty(job: Job, names: Sequence[str]) -> tuple[str, ...]:
    """Say, also in the job's log, what it should have written and did not."""
    warnings = tuple(f"{name} is empty" for name in names)
    with job.log.open("a") as log:
        log.writelines(f"warning: {warning}: the job wrote no file to it\n" for warning in warnings)
    return warnings


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder's files into a .tar.gz, the same bytes for the same contents. Raises OSError.

    It is not compressed: weights do not get smaller, only slower. One that could not be finished,
    on a full disk for example, does not stay there.
    """
    with durably(archive) as part:
        _write(folder, part)


def _write(folder: Path, archive: Path) -> None:
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                _add(tar, path, path.relative_to(folder).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tarfile.TarInfo(name)
    status = path.stat()
    info.size = status.st_size
    info.mode = 0o755 if status.st_mode & 0o100 else 0o644
    with path.open("rb") as file:
        tar.addfile(info, file)


def failure_of(job: Job, ending: Ending, message: str, limit_s: float) -> StepFailed | None:
    """Return why a job failed; None when it succeeded or was stopped.

    `message` is what the job itself wrote down as its reason; else its last line counts.
    """
    if ending.cause == "stopped" or (ending.code == 0 and ending.cause == "exited"):
        return None
    tail = log_tail(job.log)
    if ending.cause == "timed out":
        reason = f"it ran longer than MaxRuntimeInSeconds ({limit_s:g} s) and was ended"
    elif ending.code < 0:
        reason = message or f"signal {-ending.code} ended it (9 is often: not enough memory)"
    else:
        reason = message or (tail[-1].strip() if tail else "it printed nothing")
    return StepFailed(job.step, reason, exit_code=ending.code, log=job.log, log_tail=tail)


def log_tail(log: Path) -> list[str]:
    """Read the last lines of a log that are not empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-_TAIL_LINES:]


def job_name(*parts: str, limit: int = _NAME_LIMIT) -> str:
    """Make a valid name from parts; one that would be too long ends with a hash of the whole."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", "-".join(parts)).strip("-") or "job"
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9].rstrip('-')}-{sha256(name.encode()).hexdigest()[:8]}"


def python_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Replace the interpreter of a command that asks for any python by the one running this."""
    if argv and re.fullmatch(r"(?:/\S*/)?python(?:3(?:\.\d+)?)?", argv[0]):
        return (sys.executable, *argv[1:])
    return argv


def limit_of(request: Mapping[str, Any]) -> float:
    """Return the request's MaxRuntimeInSeconds, or SageMaker's own default of one day."""
    condition: Mapping[str, Any] = request.get("StoppingCondition") or {}
    return float(condition.get("MaxRuntimeInSeconds", 86_400))
