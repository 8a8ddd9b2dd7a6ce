"""Find out what each step of a definition waits for, and refuse what cannot run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pipeline.definition.errors import DefinitionError
from pipeline.definition.expressions import (
    EXECUTION_VARIABLES,
    PropertyFile,
    parse_path,
    references,
)
from pipeline.definition.steps import BRANCHES, WrittenStep, own_arguments, written_steps
from pipeline.suggestions import suggest

STEP_TYPES = (
    "Processing",
    "Training",
    "Tuning",
    "Condition",
    "RegisterModel",
    "Model",
    "Lambda",
    "Fail",
)


@dataclass(frozen=True)
class Step:
    """A step as it is written. `branch` is the condition step around it and its outcome."""

    name: str
    type: str
    definition: Mapping[str, Any]
    branch: tuple[str, bool] | None
    needs: frozenset[str]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The step's request, unresolved; of a condition only what it compares."""
        return own_arguments(self.definition)


@dataclass(frozen=True)
class Graph:
    """The steps of a definition by name, nested ones too, in the order they are written."""

    steps: Mapping[str, Step]
    property_files: Mapping[tuple[str, str], PropertyFile]


def read_graph(definition: Mapping[str, Any]) -> Graph:
    """Read the steps of a definition and their dependencies.

    A step needs what its arguments refer to, what its DependsOn names, and the condition around it.
    Raises DefinitionError for a step type that cannot run here, a name used twice, a reference to
    a step, parameter or variable that does not exist, or a cycle.
    """
    written = written_steps(definition)
    _refuse_unreadable(definition, written)
    names = [step.name for step in written]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"two steps are named {name!r}: rename one of them")
    parameters = [parameter["Name"] for parameter in definition.get("Parameters") or []]
    steps = {step.name: _read_step(step, names, parameters) for step in written}
    _refuse_cycles(steps)
    return Graph(steps, _property_files(steps.values()))


def _refuse_unreadable(definition: Mapping[str, Any], steps: Sequence[WrittenStep]) -> None:
    conditions = [step for step in steps if step.type == "Condition"]
    inner = [step.arguments[field] for step in conditions for field in BRANCHES]
    lists = [definition.get("Steps"), *(node.value for node in inner if node.exists)]
    if not all(isinstance(one, list) and None not in one for one in lists):
        raise DefinitionError("this is not a pipeline definition: its steps must be lists of steps")
    for step in steps:
        if not step.name or not step.type:
            raise DefinitionError("this is not a pipeline definition: a step has no Name or Type")
        if step.type not in STEP_TYPES:
            raise DefinitionError(
                f"step {step.name} is of type {step.type!r}, which does not run on this "
                f"machine; these do: {', '.join(STEP_TYPES)}"
            )


def _read_step(written: WrittenStep, names: Sequence[str], parameters: Sequence[str]) -> Step:
    name, raw = written.name, written.node.value
    needs = set(raw.get("DependsOn") or [])
    known = {"Parameters": parameters, "Execution": list(EXECUTION_VARIABLES), "Steps": names}
    for reference in references([own_arguments(raw), raw.get("FunctionArn")]):
        root, *rest = parse_path(reference)
        if not rest:
            raise DefinitionError(f"step {name}: {reference!r} is no reference")
        if root not in known:
            raise DefinitionError(f"step {name}: cannot read the reference {reference!r}")
        if rest[0] not in known[str(root)]:
            hint = suggest(str(rest[0]), known[str(root)])
            raise DefinitionError(f"step {name} refers to {reference}, unknown; {hint}")
        if root == "Steps":
            needs.add(str(rest[0]))
    for need in needs:
        if need not in names:
            hint = suggest(need, names)
            raise DefinitionError(f"step {name} depends on {need!r}, no such step; {hint}")
    around = written.branches[-1] if written.branches else None
    if around:
        needs.add(around[0])
    return Step(name, written.type, raw, around, frozenset(needs))


def _refuse_cycles(steps: Mapping[str, Step]) -> None:
    try:
        TopologicalSorter({name: sorted(step.needs) for name, step in steps.items()}).prepare()
    except CycleError as error:
        # Its cycle goes from what is needed to what needs it.
        circle = " -> ".join(reversed(error.args[1]))
        raise DefinitionError(f"these steps wait for each other: {circle}") from None


def _property_files(steps: Any) -> dict[tuple[str, str], PropertyFile]:
    return {
        (step.name, file["PropertyFileName"]): PropertyFile(file["OutputName"], file["FilePath"])
        for step in steps
        for file in step.definition.get("PropertyFiles") or []
    }
