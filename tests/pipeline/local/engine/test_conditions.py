"""Every condition type of SageMaker."""

import re
from typing import Any

import pytest

from pipeline.definition.errors import DefinitionError, UnresolvedError
from pipeline.definition.expressions import Scope
from pipeline.local.engine.conditions import all_hold

SCOPE = Scope(parameters={"Threshold": 0.6, "Kind": "big"})
THRESHOLD = {"Get": "Parameters.Threshold"}


def _compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("kind", "left", "holds"),
    [
        ("Equals", 0.6, True),
        ("Equals", 0.5, False),
        ("GreaterThan", 0.7, True),
        ("GreaterThan", 0.6, False),
        ("GreaterThanOrEqualTo", 0.6, True),
        ("GreaterThanOrEqualTo", 0.5, False),
        ("LessThan", 0.5, True),
        ("LessThan", 0.6, False),
        ("LessThanOrEqualTo", 0.6, True),
        ("LessThanOrEqualTo", 0.7, False),
        ("GreaterThan", "0.7", True),
        ("GreaterThan", "10", True),
    ],
)
def test_comparisons(kind: str, left: Any, holds: bool) -> None:
    assert all_hold([_compare(kind, left, THRESHOLD)], SCOPE) is holds


def test_texts_compare_as_texts() -> None:
    assert all_hold([_compare("Equals", {"Get": "Parameters.Kind"}, "big")], SCOPE)
    assert not all_hold([_compare("Equals", {"Get": "Parameters.Kind"}, 3)], SCOPE)
    assert all_hold([_compare("LessThan", "10", "9")], SCOPE)


def test_in_not_and_or() -> None:
    inside = {"Type": "In", "QueryValue": {"Get": "Parameters.Kind"}, "Values": ["small", "big"]}
    outside = inside | {"Values": ["small"]}
    assert all_hold([inside], SCOPE)
    assert not all_hold([outside], SCOPE)
    assert all_hold([{"Type": "In", "QueryValue": "0.6", "Values": [THRESHOLD]}], SCOPE)
    assert all_hold([{"Type": "Not", "Condition": outside}], SCOPE)
    assert all_hold([{"Type": "Or", "Conditions": [outside, inside]}], SCOPE)
    assert not all_hold([{"Type": "Or", "Conditions": [outside, outside]}], SCOPE)


def test_all_conditions_of_a_step_must_hold() -> None:
    yes, no = _compare("LessThan", 1, 2), _compare("LessThan", 2, 1)
    assert all_hold([yes, yes], SCOPE)
    assert not all_hold([yes, no], SCOPE)
    assert all_hold([], SCOPE)


def test_what_cannot_be_compared_says_so() -> None:
    for left, right in (("tall", 1), ([1], "tall")):
        with pytest.raises(UnresolvedError, match=re.escape(f"compare {left!r} and {right!r}")):
            all_hold([_compare("LessThan", left, right)], SCOPE)
    with pytest.raises(DefinitionError, match="unknown condition 'Near'"):
        all_hold([_compare("Near", 1, 1)], SCOPE)


@pytest.mark.parametrize("left_out", ["Type", "QueryValue", "Values"])
def test_what_a_condition_lacks_is_named(left_out: str) -> None:
    whole = {"Type": "In", "QueryValue": "a", "Values": ["a"]}
    condition = {key: value for key, value in whole.items() if key != left_out}
    with pytest.raises(DefinitionError, match=f"lacks '{left_out}'"):
        all_hold([condition], SCOPE)
