"""Check a pipeline definition offline: no credentials, no SDK, no session."""

from pipeline.check.checking import check_definition
from pipeline.check.document import read_definition
from pipeline.check.findings import Finding, findings_json, findings_text, has_errors

__all__ = [
    "Finding",
    "check_definition",
    "findings_json",
    "findings_text",
    "has_errors",
    "read_definition",
]
