"""Check one plain value against one shape: type, enum, limits and pattern."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.check.findings import Problem
from pipeline.check.own_shapes import Shape
from pipeline.check.shapes import NUMBERS
from pipeline.definition.node import Node, is_number, shown
from pipeline.service_patterns import compile_pattern
from pipeline.suggestions import suggest

_LISTED = 4  # choices shown when none is near


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "structure": ("an object", lambda value: isinstance(value, dict)),
    "map": ("an object", lambda value: isinstance(value, dict)),
    "list": ("a list", lambda value: isinstance(value, list)),
    "string": ("text", _is_text),
    "timestamp": ("text", _is_text),
    "blob": ("text", _is_text),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", _is_whole),
    "long": ("a whole number", _is_whole),
    "float": ("a number", is_number),
    "double": ("a number", is_number),
    "scalar": ("a single value", lambda value: isinstance(value, str | int | float | bool)),
}


def type_problems(shape: Shape, node: Node) -> Iterator[Problem]:
    """Yield at most one problem: the value is not of the shape's type."""
    wanted, is_one = _TYPES[shape["type"]]
    if not is_one(node.value):
        what = f"{shown(node.value)} is {_kind(node.value)}; {wanted} is wanted"
        yield Problem(node.path, what, _converted(shape["type"], node.value), "wrong-type")


def value_problems(shape: Shape, node: Node) -> Iterator[Problem]:
    """Yield at most one problem: the shape does not allow this value of the right type."""
    value = node.value
    if choices := shape.get("enum"):
        if value not in choices:
            listed = f"one of: {', '.join(choices[:_LISTED])}, …"
            what = f"{shown(value)} is not one of the {len(choices)} values it can be"
            yield Problem(node.path, what, suggest(value, choices, listed), "not-in-enum")
        return
    size, words, rule = _size(shape, value)
    if size is None:
        return
    if "min" in shape and size < shape["min"]:
        yield Problem(node.path, *_limit(value, words, f"at least {shape['min']}"), rule)
    elif "max" in shape and size > shape["max"]:
        yield Problem(node.path, *_limit(value, words, f"at most {shape['max']}"), rule)
    elif isinstance(value, str) and "pattern" in shape:
        pattern = compile_pattern(shape["pattern"])
        if pattern and not pattern.fullmatch(value):
            what = f"{shown(value)} does not have the form {shape['pattern']}"
            yield Problem(node.path, what, "write it in that form", "pattern")


def _size(shape: Shape, value: Any) -> tuple[float | None, str, str]:
    if shape["type"] in NUMBERS:
        return value, "", "out-of-range"
    if shape["type"] in ("string", "list", "map"):
        units = {"string": "characters", "list": "elements", "map": "members"}
        return len(value), units[shape["type"]], "length"
    return None, "", ""


def _limit(value: Any, words: str, limit: str) -> tuple[str, str]:
    if not words:
        return f"{shown(value)} is out of range", f"give {limit}"
    return f"{shown(value)} has {len(value)} {words}", f"give {limit} {words}"


def _kind(value: Any) -> str:
    kinds: Mapping[type, str] = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "no value")


def _converted(wanted: str, value: Any) -> str:
    if wanted == "string" and (is_number(value) or isinstance(value, bool)):
        return f'write it as text: "{shown(value)}"'
    if wanted in NUMBERS and isinstance(value, str) and _reads_as_number(value):
        return f"write it without quotes: {value}"
    if wanted == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return f"write it without quotes: {value.lower()}"
    if wanted == "list":
        return "put it into a list: [ ]"
    return f"give {_TYPES[wanted][0]}"


def _reads_as_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
