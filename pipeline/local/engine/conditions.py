"""Evaluate the comparisons of a Condition step."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.definition.errors import DefinitionError, UnresolvedError
from pipeline.definition.expressions import Scope, resolve

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def all_hold(conditions: Sequence[Mapping[str, Any]], scope: Scope) -> bool:
    """Check whether every condition holds. Raises UnresolvedError, DefinitionError."""
    try:
        return all(_holds(condition, scope) for condition in conditions)
    except KeyError as error:
        raise DefinitionError(f"a condition lacks {error}: {list(conditions)}") from error


def _holds(condition: Mapping[str, Any], scope: Scope) -> bool:
    kind = condition["Type"]
    if kind == "Not":
        return not _holds(condition["Condition"], scope)
    if kind == "Or":
        return any(_holds(inner, scope) for inner in condition["Conditions"])
    if kind == "In":
        query = resolve(condition["QueryValue"], scope)
        return any(operator.eq(*_as_numbers(query, resolve(v, scope))) for v in condition["Values"])
    if kind not in _COMPARISONS:
        raise DefinitionError(
            f"unknown condition {kind!r}: there are {', '.join([*_COMPARISONS, 'In', 'Not', 'Or'])}"
        )
    left, right = (resolve(condition[side], scope) for side in ("LeftValue", "RightValue"))
    left, right = _as_numbers(left, right)
    try:
        return _COMPARISONS[kind](left, right)
    except TypeError as error:
        raise UnresolvedError(f"{kind} cannot compare {left!r} and {right!r}") from error


def _as_numbers(left: Any, right: Any) -> tuple[Any, Any]:
    """Turn a number and a text that spells one into two numbers; leave other pairs alone."""
    if isinstance(left, str) != isinstance(right, str):
        try:
            return float(left), float(right)
        except (TypeError, ValueError):
            return left, right
    return left, right
