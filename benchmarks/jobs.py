"""Run single jobs as their container would run them, with time and memory measured."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.context import BenchmarkError, Context
from pipeline.command_line.running import ROOT

_SAMPLING_SECONDS = 0.02


@dataclass(frozen=True)
class JobCost:
    """Wall and CPU seconds of a script and its workers, and their memory in bytes at its largest.

    Memory is what is theirs alone: pages of files that are mapped belong to the system's cache.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_script(
    script: str, arguments: Sequence[object], variables: Mapping[str, str] | None = None
) -> JobCost:
    """Run training_code/<script>; raises BenchmarkError with the end of its output if it fails."""
    code = [ROOT / "training_code", ROOT / "inference_code"]
    argv = [sys.executable, str(code[0] / script), *map(str, arguments)]
    path = {"PYTHONPATH": os.pathsep.join(map(str, code))}
    environment = os.environ | path | dict(variables or {})
    before, start = os.times(), time.perf_counter()
    process = subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    memory = _Memory(process.pid)
    output, _ = process.communicate()
    seconds, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise BenchmarkError(f"{script} failed:\n{output[-2000:]}")
    used = after.children_user + after.children_system
    cpu = used - before.children_user - before.children_system
    return JobCost(seconds, cpu, memory.stop())


def prepare(data: Path, target: Path) -> JobCost:
    """Run prepare.py with the settings of pipeline.yaml: `target` gets dataset/ and test/."""
    outputs = ["--dataset", target / "dataset", "--test", target / "test"]
    return run_script("prepare.py", ["--data", data, *outputs, "--resize", 256])


def features(dataset: Path, target: Path, backbone: str, weights: Path | None) -> JobCost:
    """Run features.py with one view; `weights` is a file."""
    arguments = ["--dataset", dataset, "--features", target, "--backbone", backbone]
    if weights is not None:
        folder = target.with_name("weights")
        folder.mkdir(exist_ok=True)
        (folder / weights.name).unlink(missing_ok=True)
        (folder / weights.name).symlink_to(weights)
        arguments += ["--weights", folder]
    return run_script("features.py", arguments)


def cached_features(context: Context, backbone: str) -> tuple[Path, Path]:
    """Return the folder with dataset/ and test/, and that of a backbone's features; both kept."""
    folder = context.cache / f"knowing-{context.data.name}"
    if not (folder / "dataset" / "dataset.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            prepare(context.data, folder)
        except BenchmarkError:
            shutil.rmtree(folder)
            raise
    target = folder / backbone / "features"
    if not (target / "features.json").is_file():
        target.parent.mkdir(exist_ok=True)
        features(folder / "dataset", target, backbone, context.weights_of(backbone))
    context.say(f"{backbone}: features are there")
    return folder, target


class _Memory:
    """Samples the anonymous memory of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop sampling and return the largest sum seen, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLING_SECONDS):
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self._peak = max(self._peak, sum(_anonymous_bytes(one.pid) for one in family))


def _anonymous_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
