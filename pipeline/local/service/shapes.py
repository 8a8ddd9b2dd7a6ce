"""Check requests and answers against botocore's own description of the API.

botocore's client checks required, type and `min` alone; here enum, max and pattern count as well,
so that what passes on this machine passes on AWS.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pipeline.service_patterns import compile_pattern

_NUMBERS = ("integer", "long", "float", "double")


@lru_cache
def service_model(service: str = "sagemaker") -> Any:
    """Load botocore's ServiceModel of a service, once a process (0.1 s)."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def find_problems(shape: Any, value: Any, path: str = "", limits: bool = True) -> Iterator[str]:
    """Yield what is wrong with a value, each in the words SageMaker uses.

    Without `limits`, lengths, ranges and patterns are left out: an answer needs the right members
    and types only.
    """
    if value is None:
        yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"
        return
    if not _has_type(shape, value):
        yield _problem(value, path, f"Member must be of type {shape.type_name}")
        return
    if choices := getattr(shape, "enum", None):
        if value not in choices:
            yield _problem(value, path, f"Member must satisfy enum value set: {choices}")
    elif limits:
        yield from _beyond_limits(shape, value, path)
    yield from _inside(shape, value, path, limits)


def from_wire(shape: Any, value: Any) -> Any:
    """Convert epoch numbers in JSON to UTC times; what has another type stays as it is."""
    if shape.type_name == "timestamp" and _is_number(value):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            return value
    return _rebuild(shape, value, from_wire)


def to_wire(shape: Any, value: Any) -> Any:
    """Convert an answer to JSON, with times as epoch numbers."""
    if isinstance(value, datetime):
        return value.timestamp()
    return _rebuild(shape, value, to_wire)


def without_none(value: Any) -> Any:
    """Drop every member that is None, at any depth."""
    if isinstance(value, dict):
        return {key: without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_none(inner) for inner in value]
    return value


def _rebuild(shape: Any, value: Any, convert: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = shape.members
        return {
            name: convert(known[name], inner) if name in known else inner
            for name, inner in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [convert(shape.member, inner) for inner in value]
    if kind == "map" and isinstance(value, dict):
        return {key: convert(shape.value, inner) for key, inner in value.items()}
    return value


def _has_type(shape: Any, value: Any) -> bool:
    kind = shape.type_name
    if kind in ("structure", "map"):
        return isinstance(value, Mapping)
    if kind in _NUMBERS:
        return _is_number(value) and (kind in ("float", "double") or isinstance(value, int))
    expected: dict[str, type] = {
        "list": list,
        "string": str,
        "boolean": bool,
        "timestamp": datetime,
    }
    return isinstance(value, expected.get(kind, object))


def _inside(shape: Any, value: Any, path: str, limits: bool) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _members(shape, value, path, limits)
    elif shape.type_name == "list":
        for number, inner in enumerate(value, start=1):
            yield from find_problems(shape.member, inner, f"{path}.{number}.member", limits)
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from find_problems(shape.key, key, f"{path}.key", limits)
            yield from find_problems(shape.value, inner, f"{path}.{key}.member", limits)


def _members(shape: Any, value: Mapping[str, Any], path: str, limits: bool) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield from find_problems(shape.members[name], None, _join(path, name))
    for name, inner in value.items():
        if name in shape.members:
            yield from find_problems(shape.members[name], inner, _join(path, name), limits)
        else:
            yield f"Unknown member '{_join(path, name)}': {shape.name} has none of that name"


def _beyond_limits(shape: Any, value: Any, path: str) -> Iterator[str]:
    facts = shape.metadata
    size = value if shape.type_name in _NUMBERS else len(value) if _has_length(shape) else None
    if size is None:
        return
    kind = "value" if shape.type_name in _NUMBERS else "length"
    if "min" in facts and size < facts["min"]:
        limit = f"Member must have {kind} greater than or equal to {facts['min']}"
        yield _problem(value, path, limit)
    elif "max" in facts and size > facts["max"]:
        yield _problem(value, path, f"Member must have {kind} less than or equal to {facts['max']}")
    elif isinstance(value, str) and (pattern := facts.get("pattern")):
        expression = compile_pattern(pattern)
        if expression and not expression.fullmatch(value):
            rule = f"Member must satisfy regular expression pattern: {pattern}"
            yield _problem(value, path, rule)


def _has_length(shape: Any) -> bool:
    return shape.type_name in ("string", "list", "map", "blob")


def _problem(value: Any, path: str, constraint: str) -> str:
    shown = str(value)
    shown = shown if len(shown) <= 200 else shown[:200] + "…"
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
