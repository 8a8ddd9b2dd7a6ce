"""How a training's debugger rules ended, in one line for people."""

import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.local.store import Store

_IN_JOB = "debug/rules.json"  # of a training that judged itself (debugger.mode: embedded)
_MAXIMUM_BYTES = 1024**2
_STEP = re.compile(r"\bat step \d+")
_ENDINGS = {"Error": "not evaluated", "Stopped": "stopped", "InProgress": "still running"}


def rules_line(properties: Mapping[str, Any], store: Store) -> str | None:
    """What the rules found, given a training step's properties; None when it had no rules."""
    job = store.get("TrainingJob", properties["TrainingJobName"]) or properties
    found = [
        (each["RuleConfigurationName"], each["RuleEvaluationStatus"], each.get("StatusDetails", ""))
        for each in job.get("DebugRuleEvaluationStatuses") or []
    ]
    if not found:
        archive = store.path(job["ModelArtifacts"]["S3ModelArtifacts"]).with_name("output.tar.gz")
        found = [
            (str(each["name"]), str(each["status"]), str(each.get("message", "")))
            for each in _judged_in_job(archive)
        ]
    return summed_up(found) if found else None


def summed_up(rules: Iterable[tuple[str, str, str]]) -> str:
    """Rules as (name, status, details): those that found issues by name, then how many did not."""
    named: dict[str, list[str]] = {}
    for name, status, details in rules:
        step = _STEP.search(details)
        place = f" {step[0]}" if step and status == "IssuesFound" else ""
        named.setdefault(status, []).append(name + place)
    parts = []
    if fired := named.pop("IssuesFound", []):
        parts.append(f"issues found by {', '.join(fired)}")
    if quiet := named.pop("NoIssuesFound", []):
        parts.append(f"{len(quiet)} found no issues")
    parts += [f"{_ENDINGS.get(end, end)}: {', '.join(names)}" for end, names in named.items()]
    return "; ".join(parts)


def _judged_in_job(archive: Path) -> list[dict[str, Any]]:
    """The rules in debug/rules.json; none when the training left no such file, or a damaged one."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name == _IN_JOB and member.isfile():
                    content = tar.extractfile(member)
                    text = content.read(_MAXIMUM_BYTES) if content else b"{}"
                    return list(json.loads(text).get("rules", []))
    except (OSError, tarfile.TarError, ValueError):
        return []
    return []
