"""Bind the parameters that a run is given to those that the definition declares."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.definition.errors import DefinitionError
from pipeline.errors import UsageError
from pipeline.given import whole_number
from pipeline.suggestions import suggest

Value = str | int | float | bool


def bind_parameters(
    declared: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> dict[str, Value]:
    """Return the value of every declared parameter: the given one, else its default.

    Given values may be strings, as they come from a command line. Raises UsageError for an unknown
    name, a missing value, a wrong type or a value that is not among EnumValues; DefinitionError
    for a type that does not exist.
    """
    names = [parameter["Name"] for parameter in declared]
    for name in given:
        if name not in names:
            hint = suggest(name, names)
            raise UsageError(f"the pipeline has no parameter {name!r}; {hint}")
    return {parameter["Name"]: _bind(parameter, given) for parameter in declared}


def _bind(parameter: Mapping[str, Any], given: Mapping[str, Any]) -> Value:
    name = parameter["Name"]
    value = given.get(name, parameter.get("DefaultValue"))
    if value is None:
        raise UsageError(f"parameter {name} has no default: give it a value")
    try:
        convert = _TYPES[parameter["Type"]]
    except KeyError:
        raise DefinitionError(
            f"parameter {name} has no known type: {parameter.get('Type')!r}"
        ) from None
    try:
        typed = convert(value)
    except (ValueError, TypeError):
        kind = parameter["Type"]
        raise UsageError(f"parameter {name} is of type {kind}: {value!r} is not") from None
    choices = parameter.get("EnumValues")
    if choices and typed not in choices:
        raise UsageError(
            f"parameter {name} must be one of {', '.join(map(str, choices))}: {value!r} is not"
        )
    return typed


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return whole_number(value) if isinstance(value, str) else int(value)


def _float(value: Any) -> float:
    if isinstance(value, str) and ("_" in value or not value.isascii() or value != value.strip()):
        raise ValueError  # float() would take these, and digits of any alphabet
    number = float("nan" if isinstance(value, bool) else value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    words = {"true": True, "false": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError
    return words[word]


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


_TYPES: Mapping[str, Callable[[Any], Value]] = {
    "Integer": _integer,
    "Float": _float,
    "Boolean": _boolean,
    "String": _string,
}
