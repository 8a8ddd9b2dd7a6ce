"""Find out which steps each step waits for."""

from collections.abc import Iterator, Mapping

from pipeline.check.document import CheckedDefinition
from pipeline.check.functions import function_name, reference_parts
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep

Needs = Mapping[str, frozenset[str]]


def steps_referred_to(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the steps that a value refers to, each with the node of the reference."""
    for inner in node.walk():
        yield from _reference(inner)


def uses_of(document: CheckedDefinition, step: WrittenStep) -> Iterator[tuple[str, Node]]:
    """Yield the steps that a step refers to or names in DependsOn, each with the node."""
    for node in step.own_nodes():
        yield from _reference(node)
    for name in step.node["DependsOn"].items():
        if name.text is not None and document.step(name.text):
            yield name.text, name


def direct_needs(document: CheckedDefinition) -> Needs:
    """Return what every step waits for directly: references, DependsOn, its condition."""
    return {
        step.name: frozenset(
            [name for name, _ in uses_of(document, step) if document.step(name)]
            + [condition for condition, _ in step.branches[-1:]]
        )
        for step in document.steps
    }


def all_needs(needs: Needs, name: str) -> frozenset[str]:
    """Return the steps that have to run before a step, however far back."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for need in needs.get(waiting.pop(), frozenset()) - found:
            found.add(need)
            waiting.append(need)
    return frozenset(found)


def _reference(node: Node) -> Iterator[tuple[str, Node]]:
    if function_name(node.value) == "Get":
        match reference_parts(node):
            case ("Steps", str(name), *_):
                yield name, node
