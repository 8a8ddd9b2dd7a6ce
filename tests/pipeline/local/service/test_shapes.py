"""Requests are checked as SageMaker checks them, not as loosely as botocore's client does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.service.shapes import (
    find_problems,
    from_wire,
    service_model,
    to_wire,
    without_none,
)

VARIANT = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1}


def _problems(operation: str, params: dict[str, Any]) -> list[str]:
    return list(find_problems(service_model().operation_model(operation).input_shape, params))


@pytest.mark.parametrize(
    ("operation", "params", "words"),
    [
        ("DescribeModel", {}, "Value null at 'modelName'"),
        ("DescribeModel", {"ModelName": 3}, "must be of type string"),
        ("DescribeModel", {"ModelName": "a_b"}, "regular expression pattern"),
        ("DescribeModel", {"ModelName": "a" * 64}, "length less than or equal to 63"),
        ("DescribeModel", {"ModelName": "m", "Other": 1}, "Unknown member 'other'"),
        ("ListModels", {"MaxResults": 0}, "value greater than or equal to 1"),
        ("ListModels", {"MaxResults": 101}, "value less than or equal to 100"),
        ("ListModels", {"MaxResults": True}, "must be of type integer"),
        ("ListModels", {"SortOrder": "Up"}, "enum value set"),
        ("ListModels", {"CreationTimeAfter": "yesterday"}, "must be of type timestamp"),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": []},
            "length greater than or equal to 1",
        ),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [VARIANT | {"VariantName": "_"}]},
            "'productionVariants.1.member.variantName'",
        ),
        (
            "CreateModelPackage",
            {"CustomerMetadataProperties": {"k": 1}},
            "'customerMetadataProperties.k.member'",
        ),
    ],
)
def test_each_kind_of_mistake_is_named_with_its_place(
    operation: str, params: dict[str, Any], words: str
) -> None:
    (problem,) = _problems(operation, params)
    assert words in problem


def test_a_right_request_has_no_problem() -> None:
    config = {"EndpointConfigName": "c", "ProductionVariants": [VARIANT]}
    assert _problems("CreateEndpointConfig", config) == []
    assert (
        _problems(
            "AddTags",
            {
                "ResourceArn": "arn:aws:sagemaker:us-east-1:111122223333:model/m",
                "Tags": [{"Key": "größe", "Value": "a b/c"}],
            },
        )
        == []
    )


def test_every_pattern_of_the_api_is_compiled_or_left_alone() -> None:
    for name in service_model().shape_names:
        shape = service_model().shape_for(name)
        if shape.type_name == "string" and not getattr(shape, "enum", None):
            told = find_problems(shape, "a-1")
            assert all("Member must" in problem for problem in told), name


@given(
    st.datetimes(
        timezones=st.just(UTC), min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)
    )
)
def test_times_survive_the_wire(moment: datetime) -> None:
    shape = service_model().operation_model("ListModels").input_shape
    wire = to_wire(shape, {"CreationTimeAfter": moment})
    assert isinstance(wire["CreationTimeAfter"], float)
    back = from_wire(shape, wire)["CreationTimeAfter"]
    assert abs((back - moment).total_seconds()) < 1e-5


def test_a_number_that_is_no_time_is_left_for_the_check() -> None:
    shape = service_model().operation_model("ListModels").input_shape
    assert list(find_problems(shape, from_wire(shape, {"CreationTimeAfter": 1e300})))


def test_none_is_left_out_at_any_depth() -> None:
    assert without_none({"a": None, "b": [{"c": None, "d": 0}]}) == {"b": [{"d": 0}]}
