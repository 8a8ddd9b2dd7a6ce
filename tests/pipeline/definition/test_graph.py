"""What waits for what is read from references, DependsOn and conditions."""

import re
from typing import Any

import pytest

from pipeline.definition.errors import DefinitionError
from pipeline.definition.expressions import PropertyFile
from pipeline.definition.graph import read_graph

Json = dict[str, Any]


def _step(name: str, *references: str, kind: str = "Processing", **extra: Any) -> Json:
    arguments = {"Values": [{"Get": reference} for reference in references]}
    return {"Name": name, "Type": kind, "Arguments": arguments, **extra}


def _gate(name: str, left: str, if_steps: Any, else_steps: Any) -> Json:
    condition = {"Type": "Equals", "LeftValue": {"Get": left}, "RightValue": 1}
    arguments = {"Conditions": [condition], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def _needs(*steps: Json) -> dict[str, set[str]]:
    document = {"Parameters": [{"Name": "P"}], "Steps": list(steps)}
    return {name: set(step.needs) for name, step in read_graph(document).steps.items()}


def test_references_and_depends_on_are_dependencies() -> None:
    found = _needs(
        _step("A", "Parameters.P", "Execution.PipelineExecutionId"),
        _step("B", "Steps.A.Outputs['x']"),
        _step("C", DependsOn=["A", "B"]),
    )
    assert found == {"A": set(), "B": {"A"}, "C": {"A", "B"}}


def test_the_function_of_a_lambda_step_is_a_reference_too() -> None:
    lambda_step = _step("B", kind="Lambda", FunctionArn={"Get": "Steps.A.FunctionArn"})
    assert _needs(_step("A"), lambda_step) == {"A": set(), "B": {"A"}}
    with pytest.raises(DefinitionError, match=r"B refers to Steps\.A\.FunctionArn, unknown"):
        _needs(lambda_step)


def test_nested_steps_wait_for_their_condition_and_it_for_what_it_compares_alone() -> None:
    inner = _gate("Inner", "Steps.B.x", [_step("D")], [])
    graph = {
        "Steps": [
            _step("A"),
            _step("B"),
            _gate("Gate", "Steps.A.x", [_step("C", "Steps.B.y")], [inner]),
        ]
    }
    steps = read_graph(graph).steps
    assert {name: set(step.needs) for name, step in steps.items()} == {
        "A": set(),
        "B": set(),
        "Gate": {"A"},
        "C": {"B", "Gate"},
        "Inner": {"B", "Gate"},
        "D": {"Inner"},
    }
    assert steps["C"].branch == ("Gate", True)
    assert steps["Inner"].branch == ("Gate", False)


def test_property_files_are_known_by_step_and_name() -> None:
    file = {"PropertyFileName": "E", "OutputName": "out", "FilePath": "a/e.json"}
    graph = read_graph({"Steps": [_step("A", PropertyFiles=[file])]})
    assert graph.property_files == {("A", "E"): PropertyFile("out", "a/e.json")}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [_step("A", "Steps.B.x"), _step("B", "Steps.C.x"), _step("C", "Steps.A.x")],
            "B -> C -> A",
        ),
        ([_step("A", "Steps.A.x")], "A -> A"),
        ([_step("A", "Steps.Prepar.x"), _step("Prepare")], "did you mean Prepare"),
        ([_step("A", DependsOn=["Prepar"]), _step("Prepare")], "did you mean Prepare"),
        ([_step("A", "Parameters.Q")], "A refers to Parameters.Q, unknown"),
        ([_step("A", "Execution.Id")], "A refers to Execution.Id, unknown"),
        ([_step("A", "Globals.x")], "cannot read the reference 'Globals.x'"),
        ([_step("A"), _step("A")], "two steps are named 'A'"),
        ([_step("A", kind="EMR")], "of type 'EMR', which does not run on this machine"),
        ([{"Type": "Processing"}], "not a pipeline definition"),
        ([_step("A"), None], "not a pipeline definition"),
        ([_gate("A", "Parameters.P", {"Name": "B"}, [])], "not a pipeline definition"),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(steps: list[Json], message: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(message)):
        read_graph({"Parameters": [{"Name": "P"}], "Steps": steps})


def test_json_that_is_no_definition() -> None:
    with pytest.raises(DefinitionError, match="not a pipeline definition"):
        read_graph({"steps": []})
