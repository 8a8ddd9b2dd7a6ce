"""Find the shape that a reference to a step, a parameter or a variable leads to, or why none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.check.document import CheckedDefinition
from pipeline.check.functions import function_name, reference_parts
from pipeline.check.jobs import names_in_ranges, searches
from pipeline.check.kinds import KINDS, arguments_shape
from pipeline.check.own_shapes import Shape
from pipeline.check.shapes import NUMBERS, load_shapes
from pipeline.definition.expressions import Part
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep
from pipeline.suggestions import suggest

# A shape's type -> the types of pipeline functions that may stand there.
FITTING: Mapping[str, tuple[str, ...]] = {
    "string": ("String",),
    "timestamp": ("String",),
    "blob": ("String",),
    "boolean": ("Boolean",),
    "integer": ("Integer",),
    "long": ("Integer",),
    "float": ("Float", "Integer"),
    "double": ("Float", "Integer"),
    "scalar": ("String", "Integer", "Float", "Boolean"),
}
_TYPE_NAMES = {"boolean": "Boolean", "integer": "Integer", "long": "Integer"}


class Nowhere(Exception):
    """A reference that leads to nothing: what is missing, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


@dataclass(frozen=True)
class _Place:
    """A place in a Describe answer, and the same place in the request, where there is one."""

    shape: str
    request: str | None
    given: Node


def function_type(document: CheckedDefinition, node: Node) -> str | None:
    """Return the type that a function gives, as text; None when not known.

    String, Integer, Float or Boolean, or "a structure" and the like.
    """
    name = function_name(node.value)
    if name == "Std:Join":
        return "String"
    parts = reference_parts(node) if name == "Get" else ()
    match parts:
        case ("Parameters", str(parameter)):
            declared = document.parameters.get(parameter, Node())["Type"].text
            return declared if declared in FITTING["scalar"] else None
        case ("Execution", _):
            return "String"
        case ("Steps", str(step), "OutputParameters", str(output)):
            return _output_type(document.step(step), output)
    shape = shape_of(document, node)
    kind = load_shapes()[shape]["type"] if shape else "any"
    return None if kind == "any" else _type_name(kind)


def shape_of(document: CheckedDefinition, node: Node) -> str | None:
    """Return the shape that a Get of a step's property leads to; None when there is none."""
    match reference_parts(node):
        case ("Steps", str(name), *rest) if step := document.step(name):
            try:
                return property_shape(step, rest)
            except Nowhere:
                return None
    return None


def property_shape(step: WrittenStep, parts: Sequence[Part]) -> str | None:
    """Return the shape of a step's property; None when nothing describes it. Raises Nowhere."""
    shapes = load_shapes()
    kind = KINDS.get(step.type)
    if kind is None:
        return None
    if not kind.answers:
        return _output_parameter(step, parts)
    answer = next(
        (name for name in kind.answers if parts[:1] and parts[0] in shapes[name]["members"]),
        kind.answers[0],
    )
    place = _Place(answer, arguments_shape(kind), step.arguments)
    for part in parts:
        place = _next(shapes, step, place, part)
    return place.shape


def _next(shapes: Mapping[str, Shape], step: WrittenStep, place: _Place, part: Part) -> _Place:
    shape = shapes[place.shape]
    if shape["type"] == "structure":
        return _member(shapes, step, place, str(part))
    if shape["type"] == "list":
        return _item(shapes, step, place, part)
    if shape["type"] == "map":
        return _entry(shapes, step, place, str(part))
    if shape["type"] == "any":
        return place
    raise Nowhere(f"{place.shape} has no parts, so no {part!r}", "leave the rest of the path out")


def _member(shapes: Mapping[str, Shape], step: WrittenStep, place: _Place, name: str) -> _Place:
    members = shapes[place.shape]["members"]
    if name not in members:
        what = f"{step.type} step {step.name} has no property {name!r} in {place.shape}"
        raise Nowhere(what, suggest(name, list(members), "use a property that it has"))
    asked = shapes[place.request] if place.request else {}
    request = asked.get("members", {}).get(name, {}).get("shape")
    return _Place(members[name]["shape"], request, place.given[name])


def _item(shapes: Mapping[str, Shape], step: WrittenStep, place: _Place, part: Part) -> _Place:
    inner = _inner(shapes, place, "member")
    items = place.given.items()
    if not place.request:
        return _Place(inner[0], None, Node())
    if isinstance(part, int):
        if part >= len(items):
            what = f"step {step.name} has {len(items)} {place.shape}, so none at [{part}]"
            raise Nowhere(what, "count from 0")
        return _Place(*inner, items[part])
    named = {name: item for item in items for name in _names(item)}
    if part not in named:
        what = f"step {step.name} has no {part!r} among its {place.shape}"
        raise Nowhere(what, suggest(part, list(named), "add it to that step"))
    return _Place(*inner, named[part])


def _entry(shapes: Mapping[str, Shape], step: WrittenStep, place: _Place, key: str) -> _Place:
    known = [name for name, _ in place.given.members()] if place.request else None
    if step.type == "Tuning" and place.given.key == "TunedHyperParameters":
        known = tuned_names(step)
    if known is not None and key not in known:
        where = place.given.key
        mend = suggest(key, known, f"add it to step {step.name}")
        raise Nowhere(f"step {step.name} has no {key!r} among its {where}", mend)
    return _Place(*_inner(shapes, place, "value"), place.given[key])


def tuned_names(step: WrittenStep) -> list[str]:
    """Return the names of the hyperparameters that a tuning step searches."""
    return [name for _, ranges in searches(step) for name in names_in_ranges(ranges)]


def _inner(shapes: Mapping[str, Shape], place: _Place, key: str) -> tuple[str, str | None]:
    asked = shapes[place.request] if place.request else {}
    inner: Any = shapes[place.shape][key]["shape"]
    return inner, asked.get(key, {}).get("shape")


def _names(item: Node) -> list[str]:
    return [inner.value for key, inner in item.members() if key.endswith("Name") and inner.text]


def _output_parameter(step: WrittenStep, parts: Sequence[Part]) -> str | None:
    outputs = [item["OutputName"].text or "" for item in step.node["OutputParameters"].items()]
    match parts:
        case ("OutputParameters", str(name)) if name in outputs:
            return None
        case ("OutputParameters", str(name)):
            raise Nowhere(
                f"step {step.name} has no output {name!r}", suggest(name, outputs, "remove it")
            )
    raise Nowhere(
        f"{step.type} step {step.name} has no property {'.'.join(map(str, parts))!r}",
        "a Lambda or Callback has OutputParameters['<name>'] only",
    )


def _output_type(step: WrittenStep | None, name: str) -> str | None:
    outputs = step.node["OutputParameters"].items() if step else []
    found = [item["OutputType"].text for item in outputs if item["OutputName"].text == name]
    return found[0] if found else None


def _type_name(kind: str) -> str:
    if kind in NUMBERS and kind not in _TYPE_NAMES:
        return "Float"
    return _TYPE_NAMES.get(kind, f"a {kind}" if kind in ("structure", "list", "map") else "String")
