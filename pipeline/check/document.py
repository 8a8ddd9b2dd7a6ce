"""Read a definition for its checks: steps and parameters with their paths, however broken."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Any

from pipeline.check.jobs import bundled_script
from pipeline.check.kinds import may_hold_steps
from pipeline.definition.node import Node, Path, shown
from pipeline.definition.steps import WrittenStep, written_steps
from pipeline.errors import UsageError
from pipeline.given import read_given
from pipeline.job_scripts.interface import SCRIPTS, Script

_LARGEST_BITS = 1000  # of a whole number: what a float can still hold
_LARGEST = 16 * 1024**2  # bytes: 16 times what SageMaker takes
_DEEPEST = 200  # levels: more than 50 conditions within each other; ours has 14


@dataclass(frozen=True)
class CheckedDefinition:
    """A definition, read leniently: what cannot be understood is left to check_schema.

    `parameters` are the declarations by name, `scripts` what is known of the scripts it runs,
    `ours` whether a step runs one of them, `inner_names` the steps that stand in others of a form
    that AWS does not publish.
    Without `today` nothing is said of what ends at a date.
    """

    node: Node
    steps: tuple[WrittenStep, ...]
    parameters: Mapping[str, Node]
    scripts: Mapping[str, Script]
    today: date | None = None
    ours: bool = False
    inner_names: frozenset[str] = frozenset()

    def step(self, name: str) -> WrittenStep | None:
        """Return the first step of that name; None when there is none."""
        return next((step for step in self.steps if step.name == name), None)

    def nodes(self) -> Iterator[tuple[WrittenStep | None, Node]]:
        """Yield every value in which functions may stand, with its step, None for the whole's."""
        for name in ("PipelineExperimentConfig", "MlflowConfig"):
            yield from ((None, node) for node in self.node[name].walk())
        for step in self.steps:
            yield from ((step, node) for node in step.own_nodes())

    def step_at(self, path: Path) -> str:
        """Return the name of the innermost step that a path belongs to; "" for none."""
        around = [step for step in self.steps if path[: len(step.node.path)] == step.node.path]
        return max(around, key=lambda step: len(step.node.path)).name if around else ""

    def of_type(self, *types: str) -> list[WrittenStep]:
        """Return the steps of the given types, in order."""
        return [step for step in self.steps if step.type in types]


def read_document(
    definition: Any, scripts: Mapping[str, Script] = SCRIPTS, today: date | None = None
) -> CheckedDefinition:
    """Read a definition into a Document; what is none has no steps. Never raises."""
    node = Node(definition)
    parameters = {p["Name"].text or "": p for p in node["Parameters"].items()}
    steps = written_steps(definition)
    ours = any(bundled_script(step) in scripts for step in steps)
    inner = frozenset(_inner(steps))
    return CheckedDefinition(node, steps, parameters, scripts, today, ours, inner)


def _inner(steps: Sequence[WrittenStep]) -> Iterator[str]:
    for step in steps:
        if may_hold_steps(step.type):
            inner = (
                node for node in step.node.walk() if node["Type"].text and node is not step.node
            )
            yield from (node["Name"].text or "" for node in inner)


def read_definition(file: FilePath) -> dict[str, Any]:
    """Read a definition from a JSON file. Raises UsageError when it holds none."""
    try:
        content = json.loads(read_given(file, _LARGEST), object_pairs_hook=_object)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("Steps"), list):
        raise UsageError(
            f"{file} is not a pipeline definition: it must be a JSON object with a list 'Steps' "
            f"({_way_to_one(content)})"
        )
    if is_out_of_bounds(content):
        raise UsageError(f"{file} is not a pipeline definition: nested too deep, or huge numbers")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members. Raises ValueError where one of two would be lost."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"an object has the name {shown(name)} twice: remove one of them")
        found[name] = value
    return found


def _way_to_one(content: Any) -> str:
    if isinstance(content, dict) and isinstance(content.get("PipelineDefinition"), str):
        return (
            "this is what describe-pipeline answers: save its PipelineDefinition alone, with "
            "--query PipelineDefinition --output text"
        )
    return "make one with: python -m pipeline.run --definition > FILE"


def is_out_of_bounds(definition: Any) -> bool:
    """Check whether a value is nested deeper, or has larger numbers, than any definition."""
    return any(
        len(node.path) > _DEEPEST
        or (isinstance(node.value, int) and node.value.bit_length() > _LARGEST_BITS)
        for node in Node(definition).walk()
    )
