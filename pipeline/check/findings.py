"""Format a check's findings, one a problem, as text for people and as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.definition.node import Path, one_line, printable

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


def has_errors(findings: Sequence[Finding]) -> bool:
    """Check whether any finding is more than a warning."""
    return any(finding.severity == "error" for finding in findings)


def findings_text(findings: Sequence[Finding]) -> str:
    """Format findings as text: a block for each, and a last line that counts them."""
    errors = sum(finding.severity == "error" for finding in findings)
    count = f"{_plural(errors, 'error')}, {_plural(len(findings) - errors, 'warning')}"
    return "\n".join([*(_block(finding) for finding in findings), count])


def findings_json(findings: Sequence[Finding]) -> str:
    """Format findings as JSON, with the numbers of errors and warnings.

    {"findings": [{rule, severity, step, path, what, mend}], "errors": n, "warnings": n}
    """
    errors = sum(finding.severity == "error" for finding in findings)
    content = {
        "findings": [asdict(finding) for finding in findings],
        "errors": errors,
        "warnings": len(findings) - errors,
    }
    return printable(json.dumps(content, indent=2, ensure_ascii=False))


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
