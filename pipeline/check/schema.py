"""Check the whole definition against shapes: required, type, unknown, enum, limits, pattern.

A pipeline function may stand wherever a single value does; then what it will give is judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.check.constraints import type_problems, value_problems
from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem, Severity
from pipeline.check.functions import function_name, known_value, reference_parts
from pipeline.check.own_shapes import Shape
from pipeline.check.properties import FITTING, function_type, shape_of
from pipeline.check.shapes import SCALARS, load_shapes
from pipeline.definition.node import Node, shown
from pipeline.suggestions import nearest, suggest

_MISSPELT = 0.9  # so alike, a field of an open structure is one that is known


def check_schema(document: CheckedDefinition) -> Iterator[Problem]:
    """Report everything in the definition that its shape does not allow."""
    return Schema(load_shapes(), document).problems("DefinitionFile", document.node)


@dataclass(frozen=True)
class Schema:
    """The shapes, and the definition that functions are looked up in."""

    shapes: Mapping[str, Shape]
    document: CheckedDefinition

    def problems(self, name: str, node: Node) -> Iterator[Problem]:
        """Report what is wrong with a value that should have the shape of that name."""
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "any" or (node.value is None and shape.get("nullable")):
            return
        if function_name(node.value) is not None:
            yield from self._function(name, node)
        elif kind == "union":
            yield from self._union(shape, node)
        else:
            wrong = list(type_problems(shape, node))
            yield from wrong or self._of_right_type(name, node)

    def _of_right_type(self, name: str, node: Node) -> Iterator[Problem]:
        shape = self.shapes[name]
        kind = shape["type"]
        yield from value_problems(shape, node)
        if kind == "structure":
            yield from self._members(name, node)
        elif kind == "list":
            for item in node.items():
                yield from self.problems(shape["member"]["shape"], item)
        elif kind == "map":
            for key, inner in node.members():
                yield from value_problems(self.shapes[shape["key"]["shape"]], Node(key, inner.path))
                yield from self.problems(shape["value"]["shape"], inner)

    def _members(self, name: str, node: Node) -> Iterator[Problem]:
        shape = self.shapes[name]
        known = shape["members"]
        for key, inner in node.members():
            if key in known:
                yield from self.problems(known[key]["shape"], inner)
            elif not shape.get("open") or nearest(key, list(known), _MISSPELT):
                what = f"{_spoken(name)} has no field {key!r}"
                yield Problem(
                    inner.path, what, suggest(key, list(known), "remove it"), "unknown-field"
                )
        present = {key for key, _ in node.members()}
        for group in [(field,) for field in shape.get("required", ())] + list(
            shape.get("one_of", ())
        ):
            if not present.intersection(group):
                what = f"{_spoken(name)} needs the field {' or '.join(map(repr, group))}"
                yield Problem(node.path, what, "add it", "missing-field")

    def _union(self, shape: Shape, node: Node) -> Iterator[Problem]:
        if not isinstance(node.value, dict):
            what = f"{shown(node.value)} stands where an object is wanted"
            yield Problem(node.path, what, "give an object", "wrong-type")
            return
        tag = node[shape["tag"]]
        if tag.text in shape["shapes"]:
            yield from self.problems(shape["shapes"][tag.text], node)
        elif not tag.exists:
            what = f"the field {shape['tag']!r} is missing"
            yield Problem(
                node.path, what, suggest("", list(shape["shapes"]), "add it"), "missing-field"
            )
        elif shape.get("growing") and tag.text and not nearest(tag.text, list(shape["shapes"])):
            what = f"this check does not know the {shape['tag']} {shown(tag.value)}"
            mend = "newer than this check? SageMaker refuses what it does not know itself"
            yield Problem(tag.path, what, mend, "unknown-type", "warning")
        else:
            what = f"there is no {shape['tag']} {shown(tag.value)}"
            mend = suggest(tag.text or "", list(shape["shapes"]), "use an existing one")
            yield Problem(tag.path, what, mend, "not-in-enum")

    def _function(self, name: str, node: Node) -> Iterator[Problem]:
        shape = self.shapes[name]
        if shape["type"] not in SCALARS:
            if shape_of(self.document, node) != name:
                what = f"{_written(node)} stands where {_spoken(name)} is wanted"
                yield Problem(node.path, what, "write it out", "wrong-type")
            return
        given = function_type(self.document, node)
        if given is not None and given not in FITTING[shape["type"]]:
            what = f"{_written(node)} gives {given}; {_wanted(shape)} is wanted"
            yield Problem(node.path, what, _type_mend(shape), "reference-type")
            return
        yield from self._known(name, node)

    def _known(self, name: str, node: Node) -> Iterator[Problem]:
        """Judge a function by its value, where that is known before a run."""
        parts = reference_parts(node)
        if parts[:1] == ("Parameters",):
            parameter = self.document.parameters.get(str(parts[-1]), Node())
            for value in (parameter["DefaultValue"], *parameter["EnumValues"].items()):
                if value.exists:
                    yield from self._parameter(name, value, parameter)
            return
        value = known_value(self.document, node)
        if value is not None:
            yield from value_problems(self.shapes[name], Node(value, node.path))

    def _parameter(self, name: str, value: Node, parameter: Node) -> Iterator[Problem]:
        shape = self.shapes[name]
        if any(type_problems(shape, value)):
            return  # the parameter's own type says so, or the reference's
        for problem in value_problems(shape, value):
            what = f"parameter {parameter['Name'].value} is used as {name}: {problem.what}"
            # An empty default is how many say that a run has to be given a value.
            severity: Severity = "warning" if value.value == "" else "error"
            yield Problem(value.path, what, problem.mend, "parameter-default", severity)


def _type_mend(shape: Shape) -> str:
    if shape["type"] == "string":
        return 'make it text: {"Std:Join": {"On": "", "Values": [...]}}'
    return "give a value of that type"


def _written(node: Node) -> str:
    return node["Get"].text or shown(node.value)


def _wanted(shape: Shape) -> str:
    return " or ".join(FITTING[shape["type"]])


def _spoken(name: str) -> str:
    """Return a shape's name as people know it: CreateTrainingJob, not ...Request."""
    return name.removeprefix("Pipeline").removesuffix("Request").removesuffix("Input")
