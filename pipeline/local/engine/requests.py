"""Type and check resolved step arguments, as the service would take or refuse them."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.definition.errors import UnresolvedError
from pipeline.definition.expressions import text
from pipeline.local.service.shapes import find_problems, service_model

_SHOWN_PROBLEMS = 3


def typed_request(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Convert every argument to the type that the operation's shape has.

    A hyperparameter, an argument or an environment value becomes a string, a count given as text a
    number. Raises UnresolvedError with what SageMaker would refuse.
    """
    shape = service_model().operation_model(operation).input_shape
    typed: dict[str, Any] = _typed(shape, arguments)
    problems = list(find_problems(shape, _as_on_s3(typed)))
    if problems:
        more = (
            f" (and {len(problems) - _SHOWN_PROBLEMS} more)" if problems[_SHOWN_PROBLEMS:] else ""
        )
        raise UnresolvedError(
            f"{operation} would be refused: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}"
        )
    return typed


def _typed(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        known = shape.members
        return {k: _typed(known[k], v) if k in known else v for k, v in value.items()}
    if kind == "map" and isinstance(value, Mapping):
        return {key: _typed(shape.value, inner) for key, inner in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_typed(shape.member, inner) for inner in value]
    return _scalar(kind, value)


def _as_on_s3(value: Any) -> Any:
    """Replace file:// addresses, which this machine allows, by s3:// ones."""
    if isinstance(value, str):
        return re.sub("^file:///?", "s3://local/", value)
    if isinstance(value, Mapping):
        return {key: _as_on_s3(inner) for key, inner in value.items()}
    return [_as_on_s3(inner) for inner in value] if isinstance(value, list) else value


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and isinstance(value, int | float):
        return text(value)
    try:
        if kind in ("integer", "long") and isinstance(value, str):
            return int(value)
        if kind in ("float", "double") and isinstance(value, str):
            return float(value)
    except ValueError:
        return value
    return value
