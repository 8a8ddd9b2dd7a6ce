"""Read the steps of a definition, nested ones too, however broken it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.definition.node import Node

BRANCHES = {"IfSteps": True, "ElseSteps": False}


@dataclass(frozen=True)
class WrittenStep:
    """A step; `branches` are the conditions around it and their outcomes, outermost first."""

    name: str
    type: str
    node: Node
    branches: tuple[tuple[str, bool], ...] = ()

    @property
    def arguments(self) -> Node:
        """The request the step makes."""
        return self.node["Arguments"]

    def own_nodes(self) -> Iterator[Node]:
        """Yield every value of the step, except those of the steps inside a condition."""
        for name, inner in self.node.members():
            if name != "Arguments" or self.type != "Condition":
                yield from inner.walk()
        if self.type == "Condition":
            yield from self.arguments["Conditions"].walk()


def own_arguments(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a step's Arguments as they are written; of a condition only what it compares."""
    arguments: Mapping[str, Any] = step.get("Arguments") or {}
    if step.get("Type") == "Condition":
        return {"Conditions": arguments.get("Conditions", [])}
    return arguments


def written_steps(definition: Any) -> tuple[WrittenStep, ...]:
    """Return every step of a definition, nested ones too, in the order they are written.

    Never raises: what is no step is left out, and a name or type that is missing reads as "".
    """
    return tuple(_steps(Node(definition)["Steps"], ()))


def _steps(nodes: Node, branches: tuple[tuple[str, bool], ...]) -> Iterator[WrittenStep]:
    for node in nodes.items():
        step = WrittenStep(node["Name"].text or "", node["Type"].text or "", node, branches)
        if node.exists:
            yield step
        if step.type == "Condition":
            for field, outcome in BRANCHES.items():
                yield from _steps(step.arguments[field], (*branches, (step.name, outcome)))
