"""Findings: for each a set of measurements that shows it, and a near twin that does not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from profiler.findings import Measured, MeasuredPhase, find
from profiler.steps import PARTS
from profiler.system import Sample

GB = 1_000_000_000
SAMPLE = Sample(
    seconds=0.0,
    cpu_percent=50.0,
    system_cpu_percent=50.0,
    io_wait_percent=1.0,
    memory_bytes=2 * GB,
    own_memory_bytes=GB,
    disk_read_bytes=5_000_000,
    disk_write_bytes=0,
    network_bytes=0,
)
GPU = {"gpu_percent": 90.0, "gpu_memory_bytes": 30 * GB, "gpu_memory_total": 40 * GB}
IDLE = GPU | {"gpu_percent": 0.0, "gpu_memory_bytes": GB}


def phase(steps: int = 1000, on_gpu: bool = False, **parts: float) -> MeasuredPhase:
    """Steps of these seconds a part; 0.05 s, mostly in the network, unless told."""
    usual = {"data": 0.002, "forward": 0.02, "backward": 0.026, "optimizer": 0.002}
    row = [(dict.fromkeys(PARTS, 0.0) | usual | parts)[part] for part in PARTS]
    table = np.tile(np.array(row, dtype=np.float32), (steps, 1))
    return replace(measured_phase(table), on_gpu=on_gpu)


def measured_phase(table: Any) -> MeasuredPhase:
    sums = {part: float(total) for part, total in zip(PARTS, table.sum(axis=0), strict=True)}
    return MeasuredPhase("head", len(table), sums, table, 0.0, float(table.sum()))


ON_GPU = phase(on_gpu=True)


def samples(count: int = 100, **members: Any) -> list[Sample]:
    """Every half second one; a member may be a list that repeats."""
    taken = []
    for number in range(count):
        own = {k: v[number % len(v)] if isinstance(v, list) else v for k, v in members.items()}
        taken.append(replace(SAMPLE, seconds=number / 2, **own))
    return taken


def growing(rate: float, count: int = 100) -> list[Sample]:
    return [replace(s, own_memory_bytes=int(GB + rate * s.seconds)) for s in samples(count)]


def loading() -> list[Sample]:
    """Grows by as much as `growing`, but only in the first fifth."""
    return [replace(s, own_memory_bytes=int(GB + 2e7 * min(s.seconds, 10))) for s in samples()]


def hung(steps: int, seconds: float) -> MeasuredPhase:
    table = np.array(phase().table)
    table[300 : 300 + steps, PARTS.index("backward")] += seconds
    return measured_phase(table)


def test_of_all_pictures_there_is_no_larger_batch() -> None:
    small = phase(9000, forward=1e-4, backward=1e-4, data=1e-5, optimizer=3e-4)
    assert find(Measured([small], [], batch_size=None, cores=4)) == []


def rules(found: MeasuredPhase, taken: list[Sample]) -> set[str]:
    return {each.rule for each in find(Measured([found], taken, batch_size=32, cores=4))}


@pytest.mark.parametrize(
    ("rule", "shown", "twin"),
    [
        ("DataLoaderBottleneck", (phase(data=0.03), []), (phase(data=0.01), [])),
        ("DataLoaderBottleneck", (phase(data=0.03), []), (phase(15, data=0.03), [])),
        (
            "CPUBottleneck",
            (ON_GPU, samples(**GPU | {"gpu_percent": [5.0, 5.0, 90.0]}, system_cpu_percent=97.0)),
            (ON_GPU, samples(**GPU | {"gpu_percent": [5.0, 90.0, 90.0]}, system_cpu_percent=97.0)),
        ),
        (
            "CPUBottleneck",
            (phase(2000), samples(cpu_percent=97.0)),
            (phase(1000), samples(cpu_percent=97.0)),  # over in 50 s
        ),
        (
            "LowGPUUtilization",
            (ON_GPU, samples(**GPU | {"gpu_percent": [40.0, 60.0]})),
            (ON_GPU, samples(**GPU)),
        ),
        (
            "LowGPUUtilization",
            (ON_GPU, samples(**GPU | {"gpu_percent": [0.0, 95.0]})),
            (ON_GPU, samples(**GPU | {"gpu_percent": [20.0, 95.0]})),
        ),
        (
            "BatchSizeTooSmall",
            (ON_GPU, samples(**GPU | {"gpu_percent": 50.0, "gpu_memory_bytes": GB})),
            (ON_GPU, samples(**GPU | {"gpu_percent": 50.0})),  # its memory is full
        ),
        (
            "BatchSizeTooSmall",
            (phase(9000, forward=1e-4, backward=1e-4, data=1e-5, optimizer=3e-4), []),
            (phase(9000, forward=4e-4, backward=4e-4, data=1e-5, optimizer=3e-4), []),
        ),
        ("IOWait", (phase(), samples(io_wait_percent=30.0)), (phase(), samples())),
        (
            "IOWait",
            (ON_GPU, samples(**GPU | {"gpu_percent": 1.0}, io_wait_percent=[60.0] * 3 + [0.0])),
            (ON_GPU, samples(**GPU | {"gpu_percent": 1.0}, io_wait_percent=[60.0] + [0.0] * 4)),
        ),
        ("StepOutlier", (hung(3, 5.0), []), (hung(3, 0.5), [])),
        ("MemoryGrowth", (phase(), growing(4e6)), (phase(), growing(4e5))),
        ("MemoryGrowth", (phase(), growing(4e6)), (phase(), loading())),
        (
            "MemoryGrowth",
            (ON_GPU, [replace(s, **GPU | {"gpu_memory_bytes": s.own_memory_bytes})
                      for s in growing(4e6)]),
            (ON_GPU, samples(**GPU)),
        ),
        ("HookCost", (phase(hook=0.004), []), (phase(hook=0.002), [])),
    ],
)  # fmt: skip
def test_it_is_told_and_its_twin_is_not(
    rule: str,
    shown: tuple[MeasuredPhase, list[Sample]],
    twin: tuple[MeasuredPhase, list[Sample]],
) -> None:
    assert rule in rules(*shown)
    assert rule not in rules(*twin)


def test_a_healthy_training_is_told_nothing() -> None:
    assert rules(phase(), samples()) == set()
    assert rules(ON_GPU, samples(**GPU)) == set()


def test_a_step_that_hangs_is_found_with_its_number_and_its_part() -> None:
    (found,) = find(Measured([hung(1, 30.0)], [], batch_size=32, cores=4))
    assert found.rule == "StepOutlier"
    assert found.numbers["first"] == 301  # counted from 1
    assert "most of it in backward: steps 301" in found.message


def test_a_head_trained_beside_a_gpu_is_told_that_it_needs_none() -> None:
    (found,) = find(Measured([phase()], samples(**IDLE), batch_size=32, cores=4))
    assert found.rule == "GPUNotUsed"
    assert "all 1000 steps (50.0 s) ran on the CPU" in found.message
    assert "an instance without a GPU" in found.advice


def test_a_gpu_is_judged_while_something_runs_on_it() -> None:
    head = phase()
    tuning = replace(ON_GPU, name="fine_tuning", start=50.0, end=100.0)
    before = samples(100, **IDLE)
    for used, rules_then in ((GPU, set()), (IDLE, {"LowGPUUtilization", "BatchSizeTooSmall"})):
        after = [replace(s, seconds=s.seconds + 50) for s in samples(100, **used)]
        found = find(Measured([head, tuning], before + after, batch_size=32, cores=4))
        assert {each.rule for each in found} == rules_then


def test_a_gpu_that_shows_no_load_is_still_one() -> None:
    busy = samples(200, cpu_percent=97.0)
    assert rules(phase(2000, on_gpu=True), busy) == set()  # nor is one advised
    assert rules(phase(2000), busy) == {"CPUBottleneck"}


def test_too_few_samples_and_samples_outside_of_steps_say_nothing() -> None:
    assert rules(phase(), samples(9, io_wait_percent=90.0)) == set()
    late = [replace(s, seconds=s.seconds + 60) for s in samples(io_wait_percent=90.0)]
    assert rules(phase(), late) == set()


def test_every_finding_says_what_was_seen_and_what_to_change() -> None:
    taken = samples(**GPU | {"gpu_percent": 3.0, "gpu_memory_bytes": GB}, io_wait_percent=60.0)
    found = find(Measured([phase(on_gpu=True, data=0.1, hook=0.1)], taken, batch_size=32, cores=4))
    assert len(found) >= 4
    for each in found:
        assert each.severity in ("info", "warning")
        assert any(letter.isdigit() for letter in each.message)
        assert len(each.advice) > 20
        assert all(isinstance(value, float | int) for value in each.numbers.values())
        assert each.settings
        load_settings(ROOT / "pipeline.yaml", None, each.settings)
