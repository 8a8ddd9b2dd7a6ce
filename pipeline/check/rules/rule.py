"""A rule: one small function with a name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipeline.check.document import Document
from pipeline.check.findings import Problem, Severity

Check = Callable[[Document], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """Something that no schema knows. `check` yields places and reasons; the rule adds its name."""

    id: str
    severity: Severity
    check: Check

    def problems(self, document: Document) -> Iterator[Problem]:
        """What the rule finds."""
        for problem in self.check(document):
            yield replace(problem, rule=self.id, severity=self.severity)


def rule(rule_id: str, severity: Severity = "error") -> Callable[[Check], Rule]:
    """Makes a rule of a function; list it in its file's RULES."""
    return lambda check: Rule(rule_id, severity, check)
