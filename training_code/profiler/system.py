"""Sample the machine's load while a job runs, in a thread of its own."""

import os
import threading
import time
from dataclasses import dataclass

import psutil

from profiler.gpu import Gpu, GpuLoad

FIRST_INTERVAL_S = 0.5
_KEPT_SAMPLES = 2000  # then every second one is dropped, and half as many are taken


@dataclass(frozen=True)
class Sample:
    """A sample of the machine: `seconds` and bytes since the start, percents since the last one.

    `cpu_percent`: of the cores that this process may use, by it; `system_cpu_percent`: of all
    cores, by all. `io_wait_percent`: cores that had nothing to do but wait for a disk.
    `memory_bytes`: resident; `own_memory_bytes`: without files and what is shared. `gpu_...` are
    None without a GPU and when it did not tell.
    """

    seconds: float
    cpu_percent: float
    system_cpu_percent: float
    io_wait_percent: float
    memory_bytes: int
    own_memory_bytes: int
    disk_read_bytes: int
    disk_write_bytes: int
    network_bytes: int
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    gpu_memory_total: int | None = None


class SystemSampler:
    """Takes a Sample every half second, from `start` to `stop`; more seldom in long jobs."""

    def __init__(self, gpu: Gpu | None = None, interval_s: float = FIRST_INTERVAL_S) -> None:
        self.samples: list[Sample] = []
        self.interval_s = interval_s
        self.cost_seconds = 0.0
        self.lost: Exception | None = None
        self._ended = threading.Event()
        self._reader = _Reader(gpu)
        self._thread = threading.Thread(target=self._run, name="profiler", daemon=True)

    @property
    def started(self) -> float:
        """When `seconds` of the samples were 0, as of time.monotonic()."""
        return self._reader.started

    def start(self) -> None:
        """Begin to take samples."""
        self._thread.start()

    def stop(self) -> None:
        """Take one last sample and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ended.wait(self.interval_s):
                self._take()
            self._take()
        except Exception as error:  # no /proc, a counter that overflows: not training's business
            self.lost = error
        self.cost_seconds = time.thread_time()

    def _take(self) -> None:
        self.samples.append(self._reader.read())
        if len(self.samples) >= _KEPT_SAMPLES:
            del self.samples[::2]
            self.interval_s *= 2


class _Reader:
    """Reads counters and turns them into what happened since the last time."""

    def __init__(self, gpu: Gpu | None) -> None:
        self._gpu = gpu
        self._process = psutil.Process()
        self._cores = len(os.sched_getaffinity(0))
        self.started = self._time = time.monotonic()
        self._own, self._system = self._process.cpu_times(), psutil.cpu_times()
        self._disk = self._disk_bytes()
        self._network = _network_bytes()

    def read(self) -> Sample:
        now, own, system = time.monotonic(), self._process.cpu_times(), psutil.cpu_times()
        passed = max(1e-6, now - self._time)
        used = own.user + own.system - self._own.user - self._own.system
        spent = [max(0.0, a - b) for a, b in zip(system[:8], self._system[:8], strict=True)]
        total = max(1e-6, sum(spent))
        idle, waiting = spent[3], spent[4]  # as in proc(5): user nice system idle iowait ...
        memory, disk = self._process.memory_info(), self._disk_bytes()
        load = self._gpu_load()
        self._time, self._own, self._system = now, own, system
        return Sample(
            seconds=round(now - self.started, 3),
            cpu_percent=round(100 * used / passed / self._cores, 1),
            system_cpu_percent=round(100 * (1 - (idle + waiting) / total), 1),
            io_wait_percent=round(100 * waiting / total, 1),
            memory_bytes=memory.rss,
            own_memory_bytes=memory.rss - memory.shared,
            disk_read_bytes=disk[0] - self._disk[0],
            disk_write_bytes=disk[1] - self._disk[1],
            network_bytes=_network_bytes() - self._network,
            gpu_percent=load.percent if load else None,
            gpu_memory_bytes=load.memory_bytes if load else None,
            gpu_memory_total=load.memory_total if load else None,
        )

    def _gpu_load(self) -> GpuLoad | None:
        try:
            return self._gpu.load() if self._gpu else None
        except OSError:  # all else is still worth a sample
            return None

    def _disk_bytes(self) -> tuple[int, int]:
        try:
            counters = self._process.io_counters()
        except (psutil.Error, OSError, NotImplementedError):
            return 0, 0
        return counters.read_bytes, counters.write_bytes


def _network_bytes() -> int:
    counters = psutil.net_io_counters()
    return counters.bytes_sent + counters.bytes_recv if counters else 0
