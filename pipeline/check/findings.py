"""Format a check's findings, one a problem, as text for people and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.command_line.documents import json_text
from pipeline.definition.node import Path, one_line

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """Something wrong at a path; a Rule fills in its own `rule` and `severity`."""

    path: Path
    what: str
    mend: str
    rule: str = ""
    severity: Severity = "error"


@dataclass(frozen=True)
class Finding:
    """A problem as it is reported; `step` is "" for what belongs to no step."""

    rule: str
    severity: Severity
    step: str
    path: str
    what: str
    mend: str


@dataclass(frozen=True)
class Findings:
    """All findings of a check, with the numbers of errors and warnings."""

    findings: tuple[Finding, ...]
    errors: int
    warnings: int


def has_errors(findings: Sequence[Finding]) -> bool:
    """Check whether any finding is more than a warning."""
    return any(finding.severity == "error" for finding in findings)


def findings_text(findings: Sequence[Finding]) -> str:
    """Format findings as text: a block for each, and a last line that counts them."""
    errors = sum(finding.severity == "error" for finding in findings)
    count = f"{_plural(errors, 'error')}, {_plural(len(findings) - errors, 'warning')}"
    return "\n".join([*(_block(finding) for finding in findings), count])


def findings_json(findings: Sequence[Finding]) -> str:
    """Format findings as JSON, with the numbers of errors and warnings."""
    errors = sum(finding.severity == "error" for finding in findings)
    return json_text(Findings(tuple(findings), errors, len(findings) - errors))


def _block(finding: Finding) -> str:
    where = f"step {finding.step}: " if finding.step else ""
    lines = (
        f"{finding.severity}: {where}{finding.what}  [{finding.rule}]",
        f"  at {finding.path}",
        f"  mend: {finding.mend}",
    )
    return "\n".join(map(one_line, lines))


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
