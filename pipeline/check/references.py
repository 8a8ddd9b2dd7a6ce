"""Check that every reference of every step leads to something that exists."""

from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import function_name, reference_parts
from pipeline.check.kinds import may_hold_steps
from pipeline.check.properties import Nowhere, property_shape
from pipeline.definition.expressions import EXECUTION_VARIABLES
from pipeline.definition.node import Node, shown
from pipeline.definition.steps import WrittenStep
from pipeline.suggestions import suggest

_ROOTS = ("Parameters", "Execution", "Steps")


def check_references(document: CheckedDefinition) -> Iterator[Problem]:
    """Report references to unknown steps, properties, property files, parameters, variables."""
    for step, node in document.nodes():
        parts = reference_parts(node) if function_name(node.value) == "Get" else ()
        free = step is not None and may_hold_steps(step.type)
        if parts and (parts[0] in _ROOTS or not free):
            yield from _check(document, node)
    for step in document.steps:
        for name in step.node["DependsOn"].items():
            if name.text is not None and not _exists(document, name.text):
                yield _unknown_step(document, name, name.text)


def _check(document: CheckedDefinition, node: Node) -> Iterator[Problem]:
    match reference_parts(node):
        case ("Parameters", str(name)):
            if name not in document.parameters:
                what = f"the pipeline has no parameter {name!r}"
                mend = suggest(name, list(document.parameters), "declare it under Parameters")
                yield Problem(node.path, what, mend, "unknown-parameter")
        case ("Execution", str(name)):
            if name not in EXECUTION_VARIABLES:
                what = f"an execution has no variable {name!r}"
                mend = suggest(name, list(EXECUTION_VARIABLES))
                yield Problem(node.path, what, mend, "unknown-variable")
        case ("Steps", str(name), *rest):
            step = document.step(name)
            if step is None and name in document.inner_names:
                return
            if step is None:
                yield _unknown_step(document, node, name)
            elif not rest:
                what = f"step {name} as a whole is no value"
                yield Problem(node.path, what, "name one of its properties", "unknown-property")
            elif rest[0] == "PropertyFiles":
                yield from _check_property_file(step, node, rest[1:])
            else:
                yield from _check_property(step, node)
        case (root, *_):
            what = f"{shown(node['Get'].value)} is not a reference"
            mend = suggest(str(root), _ROOTS, "begin with Parameters, Execution or Steps")
            yield Problem(node.path, what, mend, "bad-function")


def _exists(document: CheckedDefinition, name: str) -> bool:
    return document.step(name) is not None or name in document.inner_names


def _check_property(step: WrittenStep, node: Node) -> Iterator[Problem]:
    try:
        property_shape(step, reference_parts(node)[2:])
    except Nowhere as nowhere:
        yield Problem(node.path, nowhere.what, nowhere.mend, "unknown-property")


def _check_property_file(step: WrittenStep, node: Node, rest: list[str | int]) -> Iterator[Problem]:
    files = [file["PropertyFileName"].text or "" for file in step.node["PropertyFiles"].items()]
    if len(rest) != 1 or rest[0] not in files:
        name = ".".join(map(str, rest))
        what = f"step {step.name} has no property file {name!r}"
        mend = suggest(name, files, "declare it under the step's PropertyFiles")
        yield Problem(node.path, what, mend, "unknown-property-file")
    elif node.key != "PropertyFile":
        what = "a property file is not a value"
        yield Problem(node.path, what, "read it with Std:JsonGet", "bad-function")


def _unknown_step(document: CheckedDefinition, node: Node, name: str) -> Problem:
    mend = suggest(name, [step.name for step in document.steps], "name a step that exists")
    return Problem(node.path, f"there is no step {name!r}", mend, "unknown-step")
