"""Write the profiler's files: profile.json with totals and findings, system.csv and steps.csv."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from profiler.findings import Measured, MeasuredPhase, find
from profiler.steps import PARTS, seconds_per_mark, step_percentiles

if TYPE_CHECKING:
    from profiler.system import Sample

_STEP_ROWS = 1000
_PERCENTS = ("cpu_percent", "system_cpu_percent", "io_wait_percent")


def write_profile(
    folder: Path, measured: Measured, interval_s: float, sampling_seconds: float
) -> None:
    """Write profile.json, system.csv and steps.csv to `folder`.

    `overhead_seconds` is the sampler's time and that of all marks. Raises OSError.
    """
    marks = sum(phase.marks for phase in measured.phases)
    document = {
        "phases": [_phase(phase) for phase in measured.phases],
        "system": _system(measured, interval_s),
        "findings": [asdict(finding) for finding in find(measured)],
        "overhead_seconds": round(sampling_seconds + marks * seconds_per_mark(), 6),
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1)
    (folder / "profile.json").write_text(text + "\n", encoding="utf-8")
    _write_samples(folder / "system.csv", measured.samples)
    _write_steps(folder / "steps.csv", measured.phases)


def _phase(phase: MeasuredPhase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "steps": phase.steps,
        "seconds": phase.seconds,
        "step_seconds": step_percentiles(phase.table),
        "wall_seconds": phase.end - phase.start,  # with validation
    }


def _system(measured: Measured, interval_s: float) -> dict[str, Any]:
    """Return means and extremes of the samples; bytes moved are totals of process or network."""
    samples, last = measured.samples, measured.samples[-1]
    found: dict[str, Any] = {"interval_s": interval_s, "cores": measured.cores}
    found |= {name: _spread([getattr(s, name) for s in samples]) for name in _PERCENTS}
    for name in ("memory_bytes", "own_memory_bytes"):
        values = [getattr(sample, name) for sample in samples]
        found[name] = {"first": values[0], "last": values[-1], "max": max(values)}
    for name in ("disk_read_bytes", "disk_write_bytes", "network_bytes"):
        found[name] = getattr(last, name)
    of_gpu = [sample for sample in samples if sample.gpu_percent is not None]
    return found | {"gpu": _gpu(of_gpu) if of_gpu else None}


def _gpu(samples: "Sequence[Sample]") -> dict[str, Any]:
    memory = [sample.gpu_memory_bytes or 0 for sample in samples]
    return {
        "percent": _spread([sample.gpu_percent or 0.0 for sample in samples]),
        "memory_bytes": {"first": memory[0], "last": memory[-1], "max": max(memory)},
        "memory_total": samples[-1].gpu_memory_total,
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 2),
        "p95": round(float(np.percentile(values, 95)), 2),
        "max": max(values),
    }


def _write_samples(path: Path, samples: "Sequence[Sample]") -> None:
    names = [field.name for field in fields(samples[0])]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)


def _write_steps(path: Path, phases: Sequence[MeasuredPhase]) -> None:
    """Write at most 1,000 rows a phase: each part's mean seconds over `steps` steps from `step`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("phase", "step", "steps", *PARTS))
        for phase in phases:
            width = -(-len(phase.table) // _STEP_ROWS) or 1
            firsts = np.arange(0, len(phase.table), width)
            counts = np.diff(firsts, append=len(phase.table))
            means = np.add.reduceat(phase.table, firsts) / counts[:, None]
            for first, count, row in zip(firsts, counts, means.tolist(), strict=True):
                writer.writerow((phase.name, first + 1, count, *(f"{value:.6f}" for value in row)))
