"""Define a rule: one small function with a name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem, Severity

Check = Callable[[CheckedDefinition], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """A check of what no schema knows; `check` yields problems, the rule adds its name.

    `accepted`: SageMaker takes it. Then it is an error in our own definition, which a build must
    not upsert, and a warning in other people's.
    """

    id: str
    severity: Severity
    check: Check
    accepted: bool = False

    def problems(self, document: CheckedDefinition) -> Iterator[Problem]:
        """Yield what the rule finds, under its name and severity."""
        severity = "warning" if self.accepted and not document.ours else self.severity
        for problem in self.check(document):
            yield replace(problem, rule=self.id, severity=severity)


def rule(
    rule_id: str, severity: Severity = "error", *, accepted: bool = False
) -> Callable[[Check], Rule]:
    """Make a rule of a function; list it in its file's RULES."""
    return lambda check: Rule(rule_id, severity, check, accepted)
