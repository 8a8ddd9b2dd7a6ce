"""What SageMaker would refuse of a model package's card is said beforehand."""

import json
from typing import Any

import pytest

from pipeline.definition.model_card import card_problems

METRIC = {"name": "accuracy", "type": "number", "value": 0.9}


def of_metric(**changed: Any) -> dict[str, Any]:
    group = {"name": "test", "metric_data": [METRIC | changed]}
    return {"evaluation_details": [{"name": "test", "metric_groups": [group]}]}


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"model_overview": {"model_creator": "x" * 1024}},
        {"training_details": {"objective_function": {"function": {"function": "Maximize"}}}},
        of_metric(),
        of_metric(value=7),
        of_metric(type="matrix", value=[[1, 2], [3, 4]], x_axis_name=["a", "b"]),
        of_metric(type="bar_chart", value=[1.5]),
        of_metric(type="linear_graph", value=[[0, 1]]),
        {"additional_information": {"custom_details": {"any name": "x" * 1024}}},
    ],
)
def test_a_sound_card_has_no_problems(card: Any) -> None:
    assert card_problems(json.dumps(card)) == []


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ([], "it: "),
        ({"model_overview": {"model_name": "dogs"}}, "model_overview.model_name"),
        ({"model_overview": {"model_creator": "x" * 1025}}, "model_creator"),
        ({"model_package_details": {}}, "model_package_details"),
        ({"intended_uses": {"risk_rating": "low"}}, "risk_rating"),
        ({"intended_uses": {"purpose_of_model": None}}, "intended_uses.purpose_of_model: null"),
        ({"evaluation_details": [{}]}, "evaluation_details.0.name"),
        ({"evaluation_details": [{"name": ""}]}, "evaluation_details.0.name"),
        (of_metric(value="x" * 64), "value"),
        (of_metric(type="share"), "type"),
        (of_metric(type="matrix", value=[[1] * 21]), "value"),
        ({"additional_information": {"custom_details": {"a": 1}}}, "custom_details.a"),
    ],
)
def test_what_is_not_of_the_schema_is_named(card: Any, said: str) -> None:
    assert said in "; ".join(card_problems(json.dumps(card)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no card", "not JSON"),
        ("{\n}", "more than one line"),
        (json.dumps("x" * 100_000), "100,002 characters; at most 100,000"),
    ],
)
def test_what_is_no_card_is_said(text: str, said: str) -> None:
    assert said in "; ".join(card_problems(text))
