"""Each mutation in mutation_support.py is caught, by the rule that should, at its step."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.check import check_definition, findings_text, has_errors
from tests.pipeline.check.mutation_support import (
    ACCURACY,
    GATE,
    HYPER,
    LIMITS,
    MODEL,
    MUTATIONS,
    Change,
    Definition,
    comparison,
    get,
)

pytestmark = pytest.mark.xdist_group("compiled")


@pytest.mark.parametrize(("path", "change", "rule", "step"), MUTATIONS)
def test_a_mutation_is_caught(
    mutable: Callable[[str], Definition], path: str, change: Change, rule: str, step: str
) -> None:
    mutated = mutable(path)
    change(*_locate(mutated, path))
    findings = check_definition(mutated)
    assert (rule, step) in {(found.rule, found.step) for found in findings}, findings_text(findings)
    assert all(found.what and found.mend for found in findings)


@pytest.mark.parametrize(
    ("path", "last", "beyond", "rule"), LIMITS, ids=[f"{limit[3]}: {limit[0]}" for limit in LIMITS]
)
def test_a_limit_is_exact(
    mutable: Callable[[str], Definition], path: str, last: Any, beyond: Any, rule: str
) -> None:
    mutated = mutable(path)
    parent, key = _locate(mutated, path)
    parent[key] = last
    assert rule not in _rules(mutated)
    parent[key] = beyond
    assert rule in _rules(mutated)


def test_a_definition_may_have_as_many_characters_as_sagemaker_takes(
    definition: Definition,
) -> None:
    definition["Metadata"] = {"note": ""}
    definition["Metadata"]["note"] = "x" * (1_048_576 - len(json.dumps(definition)))
    assert check_definition(definition) == []
    definition["Metadata"]["note"] += "x"
    assert [found.rule for found in check_definition(definition)] == ["size"]


def test_a_quoted_value_is_read_as_the_toolkit_reads_it(definition: Definition) -> None:
    for path in (f"{HYPER}/epochs", f"{HYPER}/sagemaker_program"):
        parent, key = _locate(definition, path)
        parent[key] = json.dumps(parent[key])
    assert check_definition(definition) == []


def test_a_metric_may_stand_on_the_right(definition: Definition) -> None:
    parent, key = _locate(definition, GATE)
    limit = get("Parameters.AccuracyThreshold")
    parent[key] = comparison("LessThanOrEqualTo", limit, ACCURACY)
    assert check_definition(definition) == []


def test_moving_a_step_out_of_the_gate_is_caught(definition: Definition) -> None:
    gate = definition["Steps"][-1]
    definition["Steps"].append(gate["Arguments"]["IfSteps"].pop())
    found = {(found.rule, found.step) for found in check_definition(definition)}
    assert {("not-behind-gate", "Deploy"), ("unreachable", "Deploy")} <= found


def test_waiting_for_the_gate_is_not_being_behind_it(definition: Definition) -> None:
    gate = definition["Steps"][-1]
    register, deploy = gate["Arguments"]["IfSteps"]
    gate["Arguments"]["IfSteps"] = []
    arn = "arn:aws:lambda:us-east-1:111122223333:function:tell"
    tell = {"Name": "Tell", "Type": "Lambda", "FunctionArn": arn, "DependsOn": ["Gate"]}
    definition["Steps"] += [{**register, "DependsOn": ["Gate"]}, deploy, tell]
    found = [f for f in check_definition(definition) if f.rule == "not-behind-gate"]
    assert [f.step for f in found] == ["Register", "Deploy", "Tell"]
    assert "not-the-measured-model" not in _rules(definition)  # no gate has measured any


def test_a_gate_that_publishes_either_way_is_not_inverted(definition: Definition) -> None:
    gate = definition["Steps"][-1]["Arguments"]
    gate["ElseSteps"].append({**gate["IfSteps"][0], "Name": "RegisterAnyhow"})
    assert "gate-inverted" not in _rules(definition)


@pytest.mark.parametrize(("waiting", "rule"), [("Prepare", "cycle"), ("Deploy", "unreachable")])
def test_waiting_for_a_step_of_the_gates_other_branch_is_caught(
    definition: Definition, waiting: str, rule: str
) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:tell"
    tell = {"Name": "Tell", "Type": "Lambda", "FunctionArn": arn}
    definition["Steps"][-1]["Arguments"]["ElseSteps"].append(tell)
    parent, _ = _locate(definition, f"{waiting}/DependsOn")
    parent["DependsOn"] = ["Tell"]
    assert (rule, waiting) in {(one.rule, one.step) for one in check_definition(definition)}


def test_waiting_for_a_step_that_ends_the_execution_is_caught(definition: Definition) -> None:
    stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    definition["Steps"].append(stop)
    assert check_definition(definition) == []
    definition["Steps"][0]["DependsOn"] = ["Stop"]
    assert [(one.rule, one.step) for one in check_definition(definition)] == [
        ("unreachable", "Prepare")
    ]


def test_a_secret_without_a_value_is_none(definition: Definition) -> None:
    definition["Parameters"].append({"Name": "ApiKey", "Type": "String"})
    assert _rules(definition) == {"unused-parameter"}


def test_findings_stand_in_the_order_of_the_definition(definition: Definition) -> None:
    del definition["Version"]
    for path in (f"{HYPER}/epochs", "Prepare/PropertyFiles/0/OutputName"):
        parent, key = _locate(definition, path)
        parent[key] = 20 if key == "epochs" else "many"
    assert [found.step for found in check_definition(definition)] == ["", "Prepare", "Train"]


def test_registering_another_model_than_the_measured_is_caught(definition: Definition) -> None:
    other = copy.deepcopy(next(s for s in definition["Steps"] if s["Name"] == "Train"))
    definition["Steps"].append({**other, "Name": "TrainOther"})
    parent, key = _locate(definition, f"{MODEL}/ModelDataUrl")
    parent[key] = get("Steps.TrainOther.ModelArtifacts.S3ModelArtifacts")
    rules = {(found.rule, found.step) for found in check_definition(definition)}
    assert ("not-the-measured-model", "Register") in rules


@pytest.mark.parametrize(
    "name",
    [
        "base",
        "local",
        "staging",
        "production",
        "no debugger",
        "fine tuning",
        "champion",
        "no champion",
        "no cache",
        "lower loss",
        "another region",
    ],
)
def test_nothing_is_found_in_what_we_compile(
    variant: Callable[[str], Definition], name: str
) -> None:
    findings = check_definition(variant(name))
    assert not findings, findings_text(findings)
    assert not has_errors(findings)


def test_nothing_is_found_in_the_definition_that_is_mutated(compiled: Definition) -> None:
    assert check_definition(compiled) == []


def test_debugger_is_told_to_be_closed_to_new_accounts(watched: Definition) -> None:
    (found,) = check_definition(watched)
    assert (found.rule, found.severity, found.step) == ("debugger-closed", "warning", "Train")
    assert "did not use it before 2026-07-30" in found.what
    assert found.mend.endswith("set debugger.mode to embedded")


@pytest.mark.parametrize("value", ["a b", "", "null", "[1, 2]", "it's", "$HOME", "a&b", "a;b", "*"])
def test_what_the_toolkits_shell_breaks_is_a_warning(definition: Definition, value: str) -> None:
    train = next(step for step in definition["Steps"] if step["Name"] == "Train")["Arguments"]
    train["HyperParameters"]["debug_rules"] = value
    (found,) = check_definition(definition)
    assert (found.rule, found.severity) == ("hyperparameter-shell", "warning")
    train["HyperParameters"]["sagemaker_toolkit_native_launcher_enabled"] = "true"
    assert check_definition(definition) == []


@pytest.mark.parametrize("value", ['"SGD"', "-1e-05", "s3://bucket/a_b.pt", "x:y=%2A,z"])
def test_what_it_passes_on_is_none(definition: Definition, value: str) -> None:
    train = next(step for step in definition["Steps"] if step["Name"] == "Train")["Arguments"]
    train["HyperParameters"]["debug_rules"] = value
    assert check_definition(definition) == []


MATCHED = "logits:include_regex=head_output%24:save_interval=7"


@pytest.mark.parametrize(
    ("hyperparameters", "found"),
    [
        ({"debug_collections": MATCHED}, 1),  # the head trained alone is called Head
        ({"debug_collections": MATCHED.replace("head", "Head").replace("%24", "")}, 0),
        ({"debug_collections": "weights:save_interval=1,biases,relu_input:include_regex=relu"}, 0),
        ({"debug_collections": MATCHED, "fine_tune_blocks": "1"}, 0),  # what there is, is not known
    ],
)
def test_a_collection_that_saves_nothing_is_a_warning(
    definition: Definition, hyperparameters: dict[str, str], found: int
) -> None:
    train = next(step for step in definition["Steps"] if step["Name"] == "Train")["Arguments"]
    train["HyperParameters"] |= hyperparameters
    findings = check_definition(definition)
    assert [one.rule for one in findings] == ["debugger-collection"] * found
    for one in findings:
        assert (one.severity, one.step) == ("warning", "Train")
        assert one.what == 'the collection "logits" saves nothing: no tensor matches "head_output$"'
        assert "Head_output_0" in one.mend


def test_a_collection_of_the_service_that_saves_nothing_is_one_too(watched: Definition) -> None:
    train = next(step for step in watched["Steps"] if step["Name"] == "Train")["Arguments"]
    one = {"CollectionName": "x", "CollectionParameters": {"include_regex": "conv"}}
    train["DebugHookConfig"]["CollectionConfigurations"].append(one)
    assert "debugger-collection" in _rules(watched)


def _rules(definition: Definition) -> set[str]:
    return {found.rule for found in check_definition(definition)}


def _locate(definition: Definition, path: str) -> tuple[Any, Any]:
    """(parent, key) of a place."""
    first, *rest = path.split("/")
    start: Any = definition
    if first == "Parameters":
        rest = [first, *rest]
    elif first:
        start = next(step for step in _steps(definition["Steps"]) if step["Name"] == first)
    for part in rest[:-1]:
        start = start[_key(start, part)]
    return start, _key(start, rest[-1])


def _key(parent: Any, part: str) -> Any:
    if not isinstance(parent, list):
        return part
    if part.isdigit():
        return int(part)
    return next(i for i, item in enumerate(parent) if part in item.values())


def _steps(steps: list[Any]) -> list[Any]:
    inner = [
        step
        for outer in steps
        for field in ("IfSteps", "ElseSteps")
        for step in outer["Arguments"].get(field, [])
    ]
    return steps + inner
