"""Read the steps of a definition and what each one waits for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.definition.errors import DefinitionError, did_you_mean
from pipeline.definition.expressions import PropertyFile, parse_path, references

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
EXECUTION_VARIABLES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
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
        arguments: Mapping[str, Any] = self.definition.get("Arguments") or {}
        if self.type == "Condition":
            return {"Conditions": arguments.get("Conditions", [])}
        return arguments


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
    try:
        written = list(_flatten(definition["Steps"], None))
        names = [raw["Name"] for raw, _ in written]
    except (KeyError, TypeError, AttributeError) as error:
        raise DefinitionError(f"this is not a pipeline definition: {error!r}") from error
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"two steps are named {name!r}: rename one of them")
    parameters = [parameter["Name"] for parameter in definition.get("Parameters") or []]
    steps = {raw["Name"]: _read_step(raw, branch, names, parameters) for raw, branch in written}
    _refuse_cycles(steps)
    return Graph(steps, _property_files(steps.values()))


def _flatten(
    steps: Sequence[Mapping[str, Any]], branch: tuple[str, bool] | None
) -> Iterator[tuple[Mapping[str, Any], tuple[str, bool] | None]]:
    for raw in steps:
        if raw["Type"] not in STEP_TYPES:
            raise DefinitionError(
                f"step {raw['Name']} is of type {raw['Type']!r}, which does not run on this "
                f"machine; these do: {', '.join(STEP_TYPES)}"
            )
        yield raw, branch
        if raw["Type"] == "Condition":
            yield from _flatten(raw["Arguments"].get("IfSteps") or [], (raw["Name"], True))
            yield from _flatten(raw["Arguments"].get("ElseSteps") or [], (raw["Name"], False))


def _read_step(
    raw: Mapping[str, Any],
    branch: tuple[str, bool] | None,
    names: Sequence[str],
    parameters: Sequence[str],
) -> Step:
    step = Step(raw["Name"], raw["Type"], raw, branch, frozenset())
    needs = set(raw.get("DependsOn") or [])
    for reference in references([step.arguments, raw.get("FunctionArn")]):
        root, *rest = parse_path(reference)
        if not rest:
            raise DefinitionError(f"step {step.name}: {reference!r} is no reference")
        known = {"Parameters": parameters, "Execution": EXECUTION_VARIABLES, "Steps": names}
        if root not in known:
            raise DefinitionError(f"step {step.name}: cannot read the reference {reference!r}")
        if rest[0] not in known[str(root)]:
            hint = did_you_mean(str(rest[0]), known[str(root)])
            raise DefinitionError(f"step {step.name} refers to {reference}, unknown{hint}")
        if root == "Steps":
            needs.add(str(rest[0]))
    for need in needs:
        if need not in names:
            hint = did_you_mean(need, names)
            raise DefinitionError(f"step {step.name} depends on {need!r}, no such step{hint}")
    if branch:
        needs.add(branch[0])
    return Step(step.name, step.type, raw, branch, frozenset(needs))


def _refuse_cycles(steps: Mapping[str, Step]) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise DefinitionError(f"these steps wait for each other: {circle}")
        if name not in done:
            for need in sorted(steps[name].needs):
                visit(need, (*path, name))
            done.add(name)

    for name in steps:
        visit(name, ())


def _property_files(steps: Any) -> dict[tuple[str, str], PropertyFile]:
    return {
        (step.name, file["PropertyFileName"]): PropertyFile(file["OutputName"], file["FilePath"])
        for step in steps
        for file in step.definition.get("PropertyFiles") or []
    }
