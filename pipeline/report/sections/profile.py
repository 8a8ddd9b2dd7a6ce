"""Read the profiler's files in a training's output: profile.json and system.csv."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.report.page.formatting import number, size
from pipeline.report.section import Section
from pipeline.report.sources.facts import Description
from pipeline.report.sources.training_output import read_json

_FOLDER = "profile"
_KINDS = ("mean", "p50", "p95", "p99", "max", "first", "last")


@dataclass(frozen=True)
class ProfiledPhase:
    """A training phase's time: seconds by part (data, transfer, forward, ...)."""

    name: str
    steps: int
    seconds: Mapping[str, float]
    step_seconds: Mapping[str, float]


@dataclass(frozen=True)
class ProfileFinding:
    """A finding of the profiler: what was seen, what to change, and `settings` that do it."""

    rule: str
    severity: str
    message: str
    advice: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """The profiler's results.

    `system`: summary figures by name, flat ("cpu_percent mean", ...). `samples`: columns of
    system.csv by name, all of one length, `seconds` first.
    """

    phases: tuple[ProfiledPhase, ...]
    findings: tuple[ProfileFinding, ...] = ()
    system: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    overhead_seconds: float | None = None


def read_profile(job: Description, output: Path | None) -> Profile:
    """Read the profiler's results. Raises Absent when it did not run."""
    why = "it was not profiled (debugger.profile)"
    content = read_json(job, output, f"{_FOLDER}/profile.json", why)
    return Profile(
        phases=tuple(_phase(item) for item in content.get("phases", [])),
        findings=tuple(_finding(item) for item in content.get("findings", [])),
        system=_flat(content.get("system") or {}),
        samples=_samples(output / _FOLDER / "system.csv") if output else {},
        overhead_seconds=content.get("overhead_seconds"),
    )


def _phase(item: Mapping[str, Any]) -> ProfiledPhase:
    return ProfiledPhase(
        name=str(item["name"]),
        steps=int(item["steps"]),
        seconds=_numbers(item.get("seconds") or {}),
        step_seconds=_numbers(item.get("step_seconds") or {}),
    )


def _finding(item: Mapping[str, Any]) -> ProfileFinding:
    return ProfileFinding(
        rule=str(item["rule"]),
        severity=str(item.get("severity", "info")),
        message=str(item.get("message", "")),
        advice=str(item.get("advice", "")),
        numbers=_numbers(item.get("numbers") or {}),
        settings=tuple(map(str, item.get("settings") or ())),
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(v) for name, v in values.items() if isinstance(v, int | float)}


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Flatten nested figures: {"cpu_percent": {"mean": 1}} is {"cpu_percent mean": 1}."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name} ")
        elif isinstance(value, int | float):
            found[f"{before}{name}"] = float(value)
    return found


def _samples(path: Path) -> dict[str, tuple[float, ...]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        names = list(reader.fieldnames or [])
    return {name: tuple(_number(row.get(name)) for row in rows) for name in names}


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def system_lines(system: Mapping[str, float]) -> dict[str, str]:
    """Group the profiler's figures by what they measure: "cpu percent": "mean 91, max 100"."""
    lines: dict[str, list[str]] = {}
    for name, value in system.items():
        of, _, kind = name.rpartition(" ")
        text = size(value) if "bytes" in name else number(value)
        known = bool(of) and kind in _KINDS
        what = (of if known else name).replace("_bytes", "").replace("_", " ")
        lines.setdefault(what, []).append(f"{kind} {text}" if known else text)
    return {what: ", ".join(texts) for what, texts in lines.items()}


def _rows(profile: Profile) -> dict[str, Any]:
    return {"system": system_lines(profile.system)}


SECTION = Section(
    name="profile",
    title="Where the time went",
    place=70,
    turn=90,
    of_training=True,
    read=lambda run: read_profile(run.job, run.output),
    rows=_rows,
)
