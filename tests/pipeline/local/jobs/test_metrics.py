"""Metrics come out of log lines by the definition's regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.command_line.step_table import show
from pipeline.definition.errors import DefinitionError
from pipeline.local.jobs.metrics import MetricReader

DEFINITIONS = [
    {"Name": "valid:accuracy", "Regex": " valid_accuracy=([0-9.eE+-]+)"},
    {"Name": "best:valid_accuracy", "Regex": " best_valid_accuracy=([0-9.eE+-]+)"},
]


def test_each_line_gives_what_matches_and_the_last_value_stays() -> None:
    reader = MetricReader(DEFINITIONS)
    assert list(reader.read("epoch=1 valid_accuracy=0.5")) == [("valid:accuracy", 0.5)]
    both = list(reader.read("epoch=2 valid_accuracy=0.4 best_valid_accuracy=5e-1"))
    assert both == [("valid:accuracy", 0.4), ("best:valid_accuracy", 0.5)]
    assert list(reader.read("nothing here")) == []
    twice = list(reader.read("now valid_accuracy=0.3 then valid_accuracy=0.4"))
    assert twice == [("valid:accuracy", 0.3), ("valid:accuracy", 0.4)]
    assert reader.last("valid:accuracy") == 0.4
    final = {item["MetricName"]: item["Value"] for item in reader.final()}
    assert final == {"valid:accuracy": 0.4, "best:valid_accuracy": 0.5}


@pytest.mark.parametrize("value", ["--", "1e999", "nan", ""])
def test_what_is_no_finite_number_is_no_metric(value: str) -> None:
    reader = MetricReader([{"Name": "loss", "Regex": r"loss=(\S+)?"}])
    assert list(reader.read(f"loss={value}")) == []
    assert reader.last("loss") is None
    assert reader.final() == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_that_python_prints_is_read_back(value: float) -> None:
    assert list(MetricReader(DEFINITIONS).read(f" valid_accuracy={value}")) == [
        ("valid:accuracy", value)
    ]


@pytest.mark.parametrize(("expression", "message"), [("loss=(", "is wrong"), ("loss", "no group")])
def test_a_useless_expression_is_refused(expression: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(message)):
        MetricReader([{"Name": "loss", "Regex": expression}])


def test_show() -> None:
    assert show("loss", 0.123456) == "loss 0.1235"
