"""Run every check of a definition and return one list of findings."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pipeline.check.document import CheckedDefinition, is_out_of_bounds, read_document
from pipeline.check.findings import Finding, Problem
from pipeline.check.functions import check_functions
from pipeline.check.references import check_references
from pipeline.check.rules import RULES
from pipeline.check.schema import check_schema
from pipeline.definition.node import path_text
from pipeline.job_scripts.interface import SCRIPTS, Script


def check_definition(
    definition: Any, scripts: Mapping[str, Script] = SCRIPTS, today: date | None = None
) -> list[Finding]:
    """Return a definition's findings, in the order of the definition. Never raises.

    `scripts` is what is known of the job scripts, by file name. Without `today` nothing is said of
    what ends at a date.
    """
    if is_out_of_bounds(definition):
        what, mend = "nested too deep, or with huge numbers", "is this a pipeline definition?"
        return [Finding("size", "error", "", "$", what, mend)]
    document = read_document(definition, scripts, today)
    problems = list(dict.fromkeys(_problems(document)))
    place = {node.path: index for index, node in enumerate(document.node.walk())}
    problems.sort(key=lambda problem: _order(place, problem))
    return [_finding(document, problem) for problem in problems]


def _problems(document: CheckedDefinition) -> Iterator[Problem]:
    yield from check_schema(document)
    yield from check_functions(document)
    yield from check_references(document)
    for rule in RULES:
        yield from rule.problems(document)


def _order(place: Mapping[Any, int], problem: Problem) -> int:
    """Return a problem's position in the document; an absent value has its parent's."""
    path = problem.path
    while path not in place:
        path = path[:-1]
    return place[path]


def _finding(document: CheckedDefinition, problem: Problem) -> Finding:
    return Finding(
        rule=problem.rule,
        severity=problem.severity,
        step=document.step_at(problem.path),
        path=path_text(problem.path),
        what=problem.what,
        mend=problem.mend,
    )
