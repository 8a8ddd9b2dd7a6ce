"""A search in parts: every setting is dealt out once, and the training knows the same ones."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.check import check_definition, findings_text

Definition = dict[str, Any]
pytestmark = pytest.mark.xdist_group("compiled")


def step(definition: Definition, name: str) -> Any:
    return next(one for one in definition["Steps"] if one["Name"] == name)["Arguments"]


def deal(*parts: str) -> Callable[[Definition], None]:
    def change(definition: Definition) -> None:
        config = step(definition, "Tune")["HyperParameterTuningJobConfig"]
        config["ParameterRanges"]["CategoricalParameterRanges"][0]["Values"] = list(parts)

    return change


def tell(name: str, settings: str) -> Callable[[Definition], None]:
    def change(definition: Definition) -> None:
        arguments = step(definition, name)
        told = arguments.get("HyperParameters") or arguments["TrainingJobDefinition"]
        told = told.get("StaticHyperParameters", told)
        told["settings"] = settings

    return change


def test_our_own_search_in_parts_has_no_fault(variant: Callable[[str], Definition]) -> None:
    findings = check_definition(variant("parts"))
    assert findings == [], findings_text(findings)


@pytest.mark.parametrize(
    ("change", "at", "what"),
    [
        (deal("1-7", "8-14"), "Tune", "the parts hold not each one once: 15, 16, 17, 18, 19"),
        (deal("1-7", "7-14", "15-20"), "Tune", "the parts hold not each one once: 7"),
        (deal("1-7", "8-14", "15-21"), "Tune", "the parts hold not each one once: 21"),
        (deal("1-7", "8-14", "last"), "Tune", "'last' names no settings"),
        (tell("Tune", "lr"), "Tune", "is no table of settings"),
        (tell("Train", "lr:0.1"), "Train", "knows other settings than step Tune searches"),
    ],
)
def test_what_would_be_searched_twice_or_never_is_found(
    variant: Callable[[str], Definition], change: Callable[[Definition], None], at: str, what: str
) -> None:
    definition = copy.deepcopy(variant("parts"))
    change(definition)
    found = [one for one in check_definition(definition) if one.rule == "search-parts"]
    assert any(one.step == at and what in one.what for one in found), found
