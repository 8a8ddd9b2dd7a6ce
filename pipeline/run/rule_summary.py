"""Summarise how a training's debugger rules ended, in one line for people."""

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
    """Say what the rules found, given a training step's properties; None when it had none."""
    job = store.get("TrainingJob", properties["TrainingJobName"]) or properties
    found = [
        (each["RuleConfigurationName"], each["RuleEvaluationStatus"], each.get("StatusDetails", ""))
        for each in job.get("DebugRuleEvaluationStatuses") or []
    ]
    archive = store.path(job["ModelArtifacts"]["S3ModelArtifacts"]).with_name("output.tar.gz")
    written = _written_in_job(archive)
    found = found or [
        (str(each["name"]), str(each["status"]), str(each.get("message", "")))
        for each in written.get("rules", [])
    ]
    lost = [f"debugging was lost ({written['lost']})"] if written.get("lost") else []
    unmatched = [f"collection {name} saved nothing" for name in written.get("unmatched", [])]
    return "; ".join([*lost, *([summed_up(found)] if found else []), *unmatched]) or None


def summed_up(rules: Iterable[tuple[str, str, str]]) -> str:
    """Sum up rules, each (name, status, details): who found issues, how many found none."""
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


def _written_in_job(archive: Path) -> dict[str, Any]:
    """Read debug/rules.json; {} when the training left no such file, or a damaged one."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name == _IN_JOB and member.isfile():
                    content = tar.extractfile(member)
                    text = content.read(_MAXIMUM_BYTES) if content else b"{}"
                    return dict(json.loads(text))
    except (OSError, tarfile.TarError, ValueError, TypeError):
        return {}
    return {}
