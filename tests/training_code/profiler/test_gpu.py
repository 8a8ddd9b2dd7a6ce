"""The GPU's side of the profiler, with its library and clock stood in for."""

import ctypes
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from profiler.gpu import Gpu, GpuLoad, open_gpu
from profiler.session import Profiler
from profiler.steps import PARTS, StepTimer, step_percentiles
from profiler.system import SystemSampler


class Library:
    """Answers as NVIDIA's does, with 0 for success."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.asked: list[str] = []

    def nvmlInit_v2(self) -> int:
        return self.code

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, device: Any) -> int:
        self.asked.append(uuid.decode())
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: Any, rates: Any) -> int:
        ctypes.memmove(rates, (ctypes.c_uint * 2)(83, 12), 8)
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        ctypes.memmove(memory, (ctypes.c_ulonglong * 3)(80, 50, 30), 24)
        return 0


def test_load_and_memory_are_read() -> None:
    library = Library()
    gpu = Gpu("GPU-1", library)
    assert gpu.load() == GpuLoad(percent=83.0, memory_bytes=30, memory_total=80)
    assert library.asked == ["GPU-1"]


def test_an_error_of_the_library_is_an_oserror() -> None:
    with pytest.raises(OSError, match="nvmlInit_v2 answers 9"):
        Gpu("GPU-1", Library(9))


def test_samples_have_the_gpus_columns() -> None:
    sampler = SystemSampler(Gpu("GPU-1", Library()), interval_s=0.01)
    sampler.start()
    sampler.stop()
    assert sampler.lost is None
    last = sampler.samples[-1]
    assert (last.gpu_percent, last.gpu_memory_bytes, last.gpu_memory_total) == (83.0, 30, 80)


class Unsupported(Library):
    """A part of a GPU (MIG), or a virtual one: its load cannot be asked for."""

    def nvmlDeviceGetUtilizationRates(self, device: Any, rates: Any) -> int:
        return 3  # NVML_ERROR_NOT_SUPPORTED


@pytest.mark.parametrize(("library", "found"), [(Library, True), (Unsupported, False)])
def test_a_gpu_that_does_not_tell_its_load_is_left_out(
    library: type[Library], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library())
    assert (open_gpu() is not None) == found


def test_a_gpu_that_stops_telling_costs_no_other_column() -> None:
    sampler = SystemSampler(Gpu("GPU-1", Unsupported()), interval_s=0.01)
    sampler.start()
    sampler.stop()
    assert sampler.lost is None
    last = sampler.samples[-1]
    assert (last.gpu_percent, last.gpu_memory_bytes, last.gpu_memory_total) == (None, None, None)
    assert last.memory_bytes > 0


class QueuedClock:
    """A GPU's clock: its moments are known only later; reading one too early is an error."""

    def __init__(self) -> None:
        self.taken = 0
        self.reached = 0

    def now(self) -> int:
        self.taken += 1
        return self.taken

    def between(self, moments: Sequence[int]) -> list[float]:
        self.reached = max(self.reached, moments[-1])
        assert self.reached <= self.taken
        return [0.001 * (end - start) for start, end in pairwise(moments)]


@pytest.mark.parametrize("on_gpu", [True, False])
def test_a_profile_knows_whether_its_steps_ran_on_the_gpu(
    on_gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiler.session.CudaClock", QueuedClock)
    monkeypatch.setattr("profiler.session.HostClock", QueuedClock)
    sampler = SystemSampler(Gpu("GPU-1", Library()), interval_s=0.01)
    sampler.start()
    profiler = Profiler(sampler)
    profiler.begin("fine_tuning", on_gpu=on_gpu)
    for _ in profiler.batches(range(1000)):
        pass
    profiler.write(tmp_path, batch_size=8)
    profile = json.loads((tmp_path / "profile/profile.json").read_text())
    assert ("GPUNotUsed" in {each["rule"] for each in profile["findings"]}) == (not on_gpu)
    assert profile["system"]["gpu"]["percent"]["max"] == 83.0


def test_moments_are_read_late_and_all_of_them() -> None:
    clock = QueuedClock()
    timer = StepTimer(clock)
    for step in range(1000):
        timer.start()
        timer.mark("data")
        timer.mark("forward")
        timer.end()
        if step == 300:
            assert clock.reached == 0  # nothing had to wait so far
    timer.flush()
    assert timer.steps == 1000
    assert timer.table().shape == (1000, len(PARTS))
    assert timer.seconds()["data"] == pytest.approx(1.0)
    assert timer.seconds()["forward"] == pytest.approx(1.0)
    assert step_percentiles(timer.table())["max"] == pytest.approx(0.002)


def test_the_hooks_time_is_taken_out_and_never_below_nothing() -> None:
    clock, hook = QueuedClock(), iter([0.0, 0.0, 0.0004, 5.0])
    timer = StepTimer(clock, lambda: next(hook))
    timer.start()
    for part in ("data", "forward", "backward"):
        timer.mark(part)
    timer.end()
    timer.flush()
    found = timer.seconds()
    assert found["forward"] == pytest.approx(0.0006)
    assert found["backward"] == 0.0  # the hook ran on the processor, beside the GPU
    assert found["hook"] == pytest.approx(5.0)
