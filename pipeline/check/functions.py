"""Check how pipeline functions are written, and tell what they give as far as it is known."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.kinds import may_hold_steps
from pipeline.definition.errors import DefinitionError
from pipeline.definition.expressions import EXECUTION_VARIABLES, Part, parse_path
from pipeline.definition.node import Node, is_number, shown
from pipeline.suggestions import suggest

FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")


def function_name(value: Any) -> str | None:
    """Return the name of the function that a value is written as; None for a plain value."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    name = str(next(iter(value)))
    return name if name == "Get" or name.startswith("Std:") else None


def reference_parts(node: Node) -> tuple[Part, ...]:
    """Return the path that a Get refers to, in parts; () when it cannot be read."""
    text = node["Get"].text
    try:
        return parse_path(text) if text else ()
    except DefinitionError:
        return ()


def known_value(document: CheckedDefinition, node: Node) -> Any:
    """Return a value as far as it is known before a run: literals, defaults, joined texts.

    None when only a run can tell.
    """
    name = function_name(node.value)
    if name is None:
        return node.value
    if name == "Get":
        return _known_reference(document, reference_parts(node))
    if name == "Std:Join":
        join = node["Std:Join"]
        parts = [known_value(document, part) for part in join["Values"].items()]
        if parts and all(isinstance(part, str) or is_number(part) for part in parts):
            return (join["On"].text or "").join(map(str, parts))
    return None


def _known_reference(document: CheckedDefinition, parts: tuple[Part, ...]) -> Any:
    match parts:
        case ("Parameters", str(name)):
            return document.parameters.get(name, Node())["DefaultValue"].value
        case ("Execution", str(name)):
            return EXECUTION_VARIABLES.get(name)
    return None


def check_functions(document: CheckedDefinition) -> Iterator[Problem]:
    """Check how every function is written."""
    for step, node in document.nodes():
        name = function_name(node.value)
        if name is not None and not (step and may_hold_steps(step.type)):
            yield from _check_form(name, node)


def _check_form(name: str, node: Node) -> Iterator[Problem]:
    inner = node[name]
    if name not in FUNCTIONS:
        what = f"{name!r} is not a pipeline function"
        yield _bad(node, what, suggest(name, FUNCTIONS))
    elif name == "Get":
        if inner.text is None or not reference_parts(node):
            what = f"the reference {shown(inner.value)} cannot be read"
            mend = "write Parameters.<name>, Execution.<name> or Steps.<step>.<property>"
            yield _bad(node, what, mend)
    elif not isinstance(inner.value, dict):
        yield _bad(node, f"{name} takes an object, not {shown(inner.value)}", _FORMS[name])
    elif name == "Std:Join":
        yield from _check_join(inner)
    else:
        yield from _check_json_get(inner)


def _check_join(join: Node) -> Iterator[Problem]:
    for key, _ in join.members():
        if key not in ("On", "Values"):
            yield _bad(join[key], f"Std:Join has no {key!r}", suggest(key, ("On", "Values")))
    if join["On"].exists and join["On"].text is None:
        yield _bad(join["On"], "Std:Join joins with a text", _FORMS["Std:Join"])
    if not join["Values"].items():
        yield _bad(join["Values"], "Std:Join has no list of Values", _FORMS["Std:Join"])
    for part in join["Values"].items():
        if isinstance(part.value, list | dict) and function_name(part.value) is None:
            what = f"Std:Join can only join single values, not {shown(part.value)}"
            yield _bad(part, what, "give text, a number or a function")
        elif not part.exists:
            yield _bad(part, "Std:Join cannot join null", "remove it")


def _check_json_get(get: Node) -> Iterator[Problem]:
    for key, _ in get.members():
        if key not in ("PropertyFile", "S3Uri", "Path"):
            yield _bad(get[key], f"Std:JsonGet has no {key!r}", _FORMS["Std:JsonGet"])
    if get["PropertyFile"].exists == get["S3Uri"].exists:
        yield _bad(get, "Std:JsonGet needs a PropertyFile", _FORMS["Std:JsonGet"])
    if get["PropertyFile"].exists and function_name(get["PropertyFile"].value) != "Get":
        what = f"the PropertyFile {shown(get['PropertyFile'].value)} is not a Get"
        yield _bad(get["PropertyFile"], what, _FORMS["Std:JsonGet"])
    if json_path(get) is None:
        what = f"the path {shown(get['Path'].value)} cannot be read"
        yield _bad(get["Path"], what, "write names as a.b, keys as ['a.b'], positions as [0]")


def json_path(get: Node) -> tuple[Part, ...] | None:
    """Return the Path of a Std:JsonGet in parts; None when it cannot be read."""
    try:
        return parse_path(get["Path"].text or "")
    except DefinitionError:
        return None


def _bad(node: Node, what: str, mend: str) -> Problem:
    return Problem(node.path, what, mend, "bad-function")


_FORMS: Mapping[str, str] = {
    "Std:Join": 'write {"Std:Join": {"On": "/", "Values": [...]}}',
    "Std:JsonGet": 'write {"Std:JsonGet": {"PropertyFile": {"Get": '
    '"Steps.<step>.PropertyFiles.<name>"}, "Path": "a.b"}}',
}
