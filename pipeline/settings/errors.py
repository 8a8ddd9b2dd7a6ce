"""Say what is wrong with settings in one line: place, key, what, and the nearest valid name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import UsageError
from pipeline.settings.keys import Keys, all_keys, known_keys
from pipeline.suggestions import nearest, suggest


class SettingsError(UsageError):
    """The settings cannot be used as they are; one line for each problem."""


RANGE_TYPES = ("continuous", "integer", "categorical")
_RANGES = ("tuning", "ranges")
_RANGE = "{type: continuous or integer, min: ..., max: ...}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong at one setting."""

    path: Keys
    what: str


def settings_error(
    problems: Sequence[Problem], file: str, places: Mapping[Keys, str]
) -> SettingsError:
    """Make one error of all problems, one line each, with the nearest known place."""
    lines = [f"{_place(p.path, file, places)} {dotted(p.path)}: {p.what}" for p in problems]
    return SettingsError("\n".join(dict.fromkeys(lines)))


def _place(path: Keys, file: str, places: Mapping[Keys, str]) -> str:
    around = (path[:length] for length in range(len(path), 0, -1))
    return next((places[keys] for keys in around if keys in places), f"{file}:")


def dotted(path: Keys) -> str:
    """Format a path as in training.lr, instances.processing, debugger.rules[2]."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def problems_of(error: ValidationError, model: type[BaseModel], data: object) -> list[Problem]:
    """Turn pydantic's findings into problems with a path into `data`."""
    return [_problem(details, model, data) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel], data: object) -> Problem:
    path = _data_path(details["loc"], data)
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(path, "unknown key" + _unknown(path, model, data))
    if kind == "missing":
        return Problem(path, "is missing")
    if kind == "form":
        return Problem(path, f"{_shown(value)} must be {context['wanted']}")
    if kind == "literal_error":
        expected = [
            word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")
        ]
        return Problem(path, f"{_shown(value)} is not allowed; {suggest(str(value), expected)}")
    if kind in ("union_tag_invalid", "union_tag_not_found") or path[:-1] == _RANGES:
        return _range_problem(path, value, context)
    return Problem(path, _message(kind, value, context, details["msg"]))


def _range_problem(path: Keys, value: object, context: Mapping[str, Any]) -> Problem:
    if not isinstance(value, dict):
        return Problem(path, f"{_shown(value)} is no range: give a list of values, or {_RANGE}")
    tag = context.get("tag")
    if tag is None:
        return Problem((*path, "type"), f"is missing; a range is a list of values, or {_RANGE}")
    near = nearest(str(tag), RANGE_TYPES)
    hint = f"; did you mean {near}?" if near else ""
    types = f"{', '.join(RANGE_TYPES[:-1])} or {RANGE_TYPES[-1]}"
    return Problem((*path, "type"), f"{_shown(tag)} is not a type of range: {types}{hint}")


def _message(kind: str, value: object, context: Mapping[str, Any], fallback: str) -> str:
    wanted = {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "string_type": "text",
        "dict_type": "a section of keys",
        "model_type": "a section of keys",
        "model_attributes_type": "a section of keys",
        "tuple_type": "a list",
        "finite_number": "a finite number",
    }
    bounds = {
        "greater_than": ("more than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind == "said":
        return str(context["text"])
    if kind in wanted:
        return f"must be {wanted[kind]}, not {_shown(value)}"
    if kind in bounds:
        words, key = bounds[kind]
        return f"must be {words} {context[key]:g}, not {_shown(value)}"
    return f"{fallback[:1].lower()}{fallback[1:]} (here: {_shown(value)})"


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _data_path(loc: Sequence[str | int], data: object) -> Keys:
    """Return pydantic's location less the names of union members, which are not in the file."""
    path: list[str | int] = []
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int)
        )
        if not inside and not (last and isinstance(data, dict) and part != data.get("type")):
            continue
        path.append(part)
        data = data.get(part) if isinstance(data, dict) else _item(data, part)
    return tuple(path)


def _item(data: object, part: str | int) -> object:
    inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
    return data[part] if inside and isinstance(data, list) and isinstance(part, int) else None


def _unknown(path: Keys, model: type[BaseModel], data: object) -> str:
    """Return a hint at a key of the same level, else at the same word anywhere else."""
    word, known = str(path[-1]), known_keys(model, path[:-1], data)
    if len(path) == 1:
        known.append("environments")
    close = nearest(word, known)
    if close:
        return f"; did you mean {dotted((*path[:-1], close))}?"
    everywhere: dict[str, str] = {}
    for keys in all_keys(model):
        everywhere.setdefault(keys[-1], dotted(keys))
    elsewhere = nearest(word, list(everywhere), cutoff=0.8)
    return f"; did you mean {everywhere[elsewhere]}?" if elsewhere else f"; {suggest(word, known)}"
