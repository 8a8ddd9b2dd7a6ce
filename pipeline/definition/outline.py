"""Lists the steps of a definition, nested ones too, without looking into them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OutlineStep:
    """A step as the definition has it; `branch` is the condition step around it and its side."""

    name: str
    type: str
    branch: tuple[str, str] | None = None


def outline(definition: Mapping[str, Any]) -> tuple[OutlineStep, ...]:
    """Return every step of a definition, nested ones too, in the order they are written."""
    return tuple(_outline(definition.get("Steps") or [], None))


def _outline(
    steps: Sequence[Mapping[str, Any]], branch: tuple[str, str] | None
) -> Iterator[OutlineStep]:
    for step in steps:
        yield OutlineStep(step["Name"], step["Type"], branch)
        if step["Type"] == "Condition":
            arguments = step.get("Arguments") or {}
            yield from _outline(arguments.get("IfSteps") or [], (step["Name"], "True"))
            yield from _outline(arguments.get("ElseSteps") or [], (step["Name"], "False"))
