"""Whatever is done to a definition, a check ends with findings and never with a traceback."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.check import check_definition, findings_json, findings_text

pytestmark = pytest.mark.xdist_group("compiled")

Definition = dict[str, Any]
Place = tuple[str | int, ...]

REFERENCES = ("Steps.Train", "Steps.Tune.X['y'][0]", "Parameters.A.B", "Steps", "Execution.", "a[")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Gate", "Train", "Condition", "Tuning", "[(", "Get", *REFERENCES]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4)
            | st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "Name", "Type"]),
            inner,
            max_size=3,
        )
        | st.builds(lambda value: {"Get": value}, inner)
        | st.builds(lambda value: {"Std:Join": {"On": "", "Values": value}}, inner)
    ),
    max_leaves=6,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_any_nodes_can_be_replaced_or_removed(compiled: Definition, data: st.DataObject) -> None:
    definition = copy.deepcopy(compiled)
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(definition)
        if places:
            _mutate(definition, data.draw(st.sampled_from(places)), data)
    assert _checked(definition)


@settings(max_examples=60, deadline=None)
@given(value=JSON)
def test_anything_can_be_checked(value: Any) -> None:
    assert _checked(value)
    assert _checked({"Version": "2020-12-01", "Steps": value, "Parameters": value})
    assert _checked({"Steps": [{"Name": "A", "Type": "Training", "Arguments": value}]})


@pytest.mark.parametrize("inner", [[], {}])
def test_a_bottomless_value_is_one_finding(inner: Any) -> None:
    for _ in range(500):
        inner = {"Steps": [inner]}
    assert [finding.rule for finding in check_definition(inner)] == ["size"]


def test_a_huge_number_is_one_finding(compiled: Definition) -> None:
    definition = {**compiled, "Version": 10**5000}
    assert [finding.rule for finding in check_definition(definition)] == ["size"]


def test_half_a_character_can_be_printed(definition: Definition) -> None:
    definition["Steps"][0]["Name"] = "\ud800"
    findings = check_definition(definition)
    findings_text(findings).encode()
    assert json.loads(findings_json(findings).encode())["findings"][0]["step"] == "\ud800"


def test_a_name_can_neither_steer_a_terminal_nor_begin_a_line(definition: Definition) -> None:
    name = "A\x1b[31m\u202e\x7f\nerror: B"
    definition["Steps"][0]["Name"] = name
    findings = check_definition(definition)
    lines = findings_text(findings).split("\n")
    assert all(map(str.isprintable, lines)) and len(lines) == 3 * len(findings) + 1
    assert r"A\u001b[31m\u202e\u007f\u000aerror: B" in lines[0]
    told = json.loads(findings_json(findings))["findings"]
    assert name in {one["step"] for one in told}


def test_nothing_is_not_a_definition() -> None:
    found = {finding.what for finding in check_definition({})}
    assert {
        "DefinitionFile needs the field 'Version'",
        "DefinitionFile needs the field 'Steps'",
    } == found


def _checked(definition: Any) -> bool:
    """Nothing was raised, and every finding can be read in both forms."""
    findings = check_definition(definition)
    text = findings_text(findings)
    told = json.loads(findings_json(findings))
    return all(f.rule in text for f in findings) and len(told["findings"]) == len(findings)


def _places(value: Any, path: Place = ()) -> list[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[Place] = []
    for key, one in inner:
        found.append((*path, key))
        if isinstance(one, dict | list):
            found.extend(_places(one, (*path, key)))
    return found


def _mutate(definition: Any, place: Place, data: st.DataObject) -> None:
    *around, last = place
    parent = definition
    for key in around:
        parent = parent[key]
    if data.draw(st.booleans()):
        del parent[last]
    else:
        parent[last] = data.draw(JSON)
