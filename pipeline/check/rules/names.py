"""Check that names are unique, and that parameters are sound and used."""

from collections.abc import Iterator

from pipeline.check.constraints import type_problems
from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import function_name, reference_parts
from pipeline.check.jobs import names_in_ranges, searches
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.natural_keys import NATURAL_KEYS
from pipeline.definition.node import Node, shown

_TAKEN_TWICE = ("CollectionConfigurations",)  # the SDK adds a rule's own to those of the hook
_TYPES = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}


@rule("duplicate-name")
def duplicate_names(document: CheckedDefinition) -> Iterator[Problem]:
    """Report elements of one list with the same name, such as channels, outputs or metrics."""
    for node in document.node.walk():
        if node.key not in _TAKEN_TWICE:
            yield from _repeated(node)


@rule("duplicate-name", accepted=True)
def duplicate_collections(document: CheckedDefinition) -> Iterator[Problem]:
    """Report tensor collections with the same name, of which the debugger reads one."""
    for node in document.node.walk():
        if node.key in _TAKEN_TWICE:
            yield from _repeated(node)


@rule("duplicate-name")
def duplicate_steps(document: CheckedDefinition) -> Iterator[Problem]:
    """Report steps with the same name, also when a condition is around one of them."""
    for node in _repeats([step.node["Name"] for step in document.steps]):
        in_branch = any(part in ("IfSteps", "ElseSteps") for part in node.path)
        first = next(step for step in document.steps if step.name == node.value)
        # Two in the same list are reported by duplicate_names.
        if in_branch and first.node.path[:-1] != node.path[:-2]:
            yield Problem(node.path, f"another step is named {node.value!r}", "rename one of them")


@rule("hyperparameter-twice")
def hyperparameters_twice(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a hyperparameter that is searched in two ranges, or searched and fixed at once."""
    for step in document.of_type("Tuning"):
        for job, ranges in searches(step):
            tuned = names_in_ranges(ranges)
            for name, value in job["StaticHyperParameters"].members():
                if name in tuned:
                    what = f"hyperparameter {name!r} is searched in a range and fixed here"
                    yield Problem(value.path, what, "take it out of one of the two")
            for name in sorted({name for name in tuned if tuned.count(name) > 1}):
                what = f"hyperparameter {name!r} is searched in two ranges"
                yield Problem(ranges[0].path, what, "keep one of them")


@rule("parameter-value")
def parameter_values(document: CheckedDefinition) -> Iterator[Problem]:
    """Report parameters whose default or choice has another type, or whose default is no choice."""
    for parameter in document.parameters.values():
        kind = _TYPES.get(parameter["Type"].text or "")
        default, choices = parameter["DefaultValue"], parameter["EnumValues"].items()
        for value in (default, *choices):
            if kind and value.exists:
                yield from type_problems({"type": kind}, value)
        if default.exists and choices and default.value not in [one.value for one in choices]:
            what = f"the default {shown(default.value)} is not among the EnumValues"
            mend = f"one of: {', '.join(shown(one.value) for one in choices)}"
            yield Problem(default.path, what, mend)


@rule("unused-parameter", "warning")
def unused_parameters(document: CheckedDefinition) -> Iterator[Problem]:
    """Report parameters that no step uses."""
    used = {
        reference_parts(node)[1]
        for _, node in document.nodes()
        if function_name(node.value) == "Get" and reference_parts(node)[:1] == ("Parameters",)
        if len(reference_parts(node)) > 1
    }
    for name, parameter in document.parameters.items():
        if name not in used:
            yield Problem(parameter.path, f"no step uses parameter {name!r}", "use it or remove it")


def _repeated(items: Node) -> Iterator[Problem]:
    key = NATURAL_KEYS.get(items.key)
    for node in _repeats([item[key] for item in items.items()] if key else []):
        what = f"{items.key} has two elements with the {key} {node.value!r}"
        yield Problem(node.path, what, "rename or remove one of them")


def _repeats(names: list[Node]) -> Iterator[Node]:
    seen: set[str] = set()
    for node in names:
        if node.text is not None and node.text in seen:
            yield node
        seen.add(node.text or "")


RULES: tuple[Rule, ...] = (
    duplicate_names,
    duplicate_collections,
    duplicate_steps,
    hyperparameters_twice,
    parameter_values,
    unused_parameters,
)
