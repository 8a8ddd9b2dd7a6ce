"""Evaluate debugger rules on a finished training's tensors, for the gate to decide by."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifact import ArtifactError, extract_archive
from debugger.plan import Named
from debugger.rules_file import DEBUG_FOLDER, lost_because
from debugger.smdebug_loading import prepare_smdebug
from job.errors import JobError

if TYPE_CHECKING:
    from debugger.rule_evaluation import RuleOutcome

OUTPUT_ARCHIVE = "output.tar.gz"
_MOST_FILES = 1_000_000
_SHOWN = 300  # characters of one rule's message in the summary
_LONGEST = 1500  # of the summary: it is part of a step's failure, which SageMaker bounds


class TensorsLost(Exception):
    """Saving tensors ended before the training did."""


def debugger_findings(folder: Path, rules: Named) -> dict[str, Any]:
    """Return the contents of findings.json: issues_found, summary, rules' outcomes.

    `folder` holds the tensors, or the output.tar.gz of a training that kept them in its own output.
    A rule that cannot be judged counts as an issue: it does not rule one out.
    Raises JobError when the archive cannot be read.
    """
    prepare_smdebug()
    from debugger.rule_evaluation import evaluate_rules  # noqa: PLC0415 - smdebug only when asked for

    with _tensors(folder) as place:
        reason = lost_because(place)
        outcomes = evaluate_rules(place, rules, TensorsLost(reason) if reason else None)
    issues = [one for one in outcomes if one.status != "NoIssuesFound"]
    return {
        "issues_found": len(issues),
        "summary": _summary(issues),
        "rules": [asdict(one) for one in outcomes],
    }


def _summary(issues: Sequence["RuleOutcome"]) -> str:
    if not issues:
        return "no debugger rule found issues"
    text = "; ".join(f"{one.name} {one.status}: {one.message[:_SHOWN]}" for one in issues)
    if len(text) <= _LONGEST:
        return text
    return f"{len(issues)} rules, among them {text}"[: _LONGEST - 1] + "…"


@contextmanager
def _tensors(folder: Path) -> Iterator[Path]:
    archive = folder / OUTPUT_ARCHIVE
    if not archive.is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            extract_archive(archive, Path(scratch), max_members=_MOST_FILES)
        except ArtifactError as error:
            raise JobError(f"the training's output: {error}") from error
        yield Path(scratch) / DEBUG_FOLDER
