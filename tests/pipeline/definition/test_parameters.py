"""Parameters have the type and the values that the definition declares."""

import re
from typing import Any

import pytest

from pipeline.definition.errors import DefinitionError
from pipeline.definition.parameters import bind_parameters
from pipeline.errors import UsageError

DECLARED = [
    {"Name": "Jobs", "Type": "Integer", "DefaultValue": 6},
    {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.6},
    {"Name": "Fast", "Type": "Boolean", "DefaultValue": False},
    {
        "Name": "Status",
        "Type": "String",
        "DefaultValue": "Pending",
        "EnumValues": ["Pending", "Ok"],
    },
]


def test_defaults_hold_where_nothing_is_given() -> None:
    bound = {"Jobs": 6, "Threshold": 0.6, "Fast": False, "Status": "Pending"}
    assert bind_parameters(DECLARED, {}) == bound


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("Jobs", "8", 8),
        ("Jobs", 8.0, 8),
        ("Threshold", "1", 1.0),
        ("Threshold", 1, 1.0),
        ("Fast", "True", True),
        ("Fast", True, True),
        ("Status", "Ok", "Ok"),
    ],
)
def test_values_come_as_text_or_typed(name: str, given: Any, value: Any) -> None:
    bound = bind_parameters(DECLARED, {name: given})[name]
    assert bound == value
    assert type(bound) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("Jobs", "many", "Jobs is of type Integer: 'many' is not"),
        ("Jobs", 1.5, "Jobs is of type Integer: 1.5 is not"),
        ("Jobs", True, "Jobs is of type Integer: True is not"),
        ("Jobs", [3], "Jobs is of type Integer: [3] is not"),
        ("Threshold", "nan", "Threshold is of type Float: 'nan' is not"),
        ("Threshold", {}, "Threshold is of type Float: {} is not"),
        ("Threshold", False, "Threshold is of type Float: False is not"),
        ("Fast", "yes", "Fast is of type Boolean: 'yes' is not"),
        ("Status", 3, "Status is of type String: 3 is not"),
        ("Status", "Done", "Status must be one of Pending, Ok: 'Done' is not"),
        ("Job", 3, "the pipeline has no parameter 'Job'; did you mean Jobs?"),
    ],
)
def test_a_wrong_value_is_one_clear_line(name: str, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        bind_parameters(DECLARED, {name: given})


def test_a_parameter_without_a_default_must_be_given() -> None:
    with pytest.raises(UsageError, match="Data has no default"):
        bind_parameters([{"Name": "Data", "Type": "String"}], {})


def test_a_type_that_does_not_exist() -> None:
    with pytest.raises(DefinitionError, match="'Text'"):
        bind_parameters([{"Name": "Data", "Type": "Text"}], {"Data": "x"})
