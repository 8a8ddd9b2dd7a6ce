"""Check the order of steps: cycles, steps that can never run, and empty conditions."""

from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.graph import all_needs, direct_needs, uses_of
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.steps import WrittenStep


@rule("cycle")
def cycles(document: CheckedDefinition) -> Iterator[Problem]:
    """Report steps that wait for each other; each cycle once, at its first step."""
    needs = direct_needs(document)
    reported: set[str] = set()
    for step in document.steps:
        before = all_needs(needs, step.name)
        if step.name in before and step.name not in reported:
            circle = [name for name in sorted(before) if step.name in all_needs(needs, name)]
            reported.update(circle)
            what = f"these steps wait for each other: {', '.join(circle)}"
            mend = "remove a reference or a DependsOn between them"
            yield Problem(step.node.path, what, mend)


@rule("unreachable")
def unreachable(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a step that waits for a Fail step, or for one in a branch that it is not in."""
    for step in document.steps:
        for name, node in uses_of(document, step):
            other = document.step(name)
            if other is None or other is step:
                continue
            if other.type == "Fail":
                what = f"step {name} ends the execution, so nothing runs after it"
                yield Problem(node.path, what, "do not wait for it")
            elif other.branches != step.branches[: len(other.branches)]:
                condition, outcome = _unshared(other, step)
                what = (
                    f"step {name} runs only when {condition} is {str(outcome).lower()}; "
                    "this step is not in that branch"
                )
                yield Problem(node.path, what, f"move it into the same branch of {condition}")


@rule("empty-condition", "warning")
def empty_conditions(document: CheckedDefinition) -> Iterator[Problem]:
    """Report conditions that no step depends on."""
    for step in document.of_type("Condition"):
        arguments = step.arguments
        if not arguments["IfSteps"].items() and not arguments["ElseSteps"].items():
            yield Problem(step.node.path, "no step depends on this condition", "give it IfSteps")


def _unshared(other: WrittenStep, step: WrittenStep) -> tuple[str, bool]:
    own = step.branches
    return next(
        branch
        for index, branch in enumerate(other.branches)
        if index >= len(own) or own[index] != branch
    )


RULES: tuple[Rule, ...] = (cycles, unreachable, empty_conditions)
