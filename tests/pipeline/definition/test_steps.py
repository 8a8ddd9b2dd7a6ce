"""Every step is read, in the order it is written and with the conditions around it."""

from typing import Any

import pytest

from pipeline.definition.steps import own_arguments, written_steps


def _gate(name: str, if_steps: list[Any], else_steps: list[Any]) -> dict[str, Any]:
    arguments = {"Conditions": [{"Type": "Not"}], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": ["Train"]}


REGISTER, STOP = {"Name": "Register", "Type": "Model"}, {"Name": "Stop", "Type": "Fail"}
INNER = _gate("Inner", [REGISTER], [])
TRAIN = {"Name": "Train", "Type": "Training", "Arguments": {"Channel": "train"}}


def test_steps_have_the_conditions_around_them_outermost_first() -> None:
    steps = written_steps({"Steps": [TRAIN, _gate("Gate", [INNER], [STOP])]})
    assert {step.name: step.branches for step in steps} == {
        "Train": (),
        "Gate": (),
        "Inner": (("Gate", True),),
        "Register": (("Gate", True), ("Inner", True)),
        "Stop": (("Gate", False),),
    }
    assert [step.type for step in steps] == ["Training", "Condition", "Condition", "Model", "Fail"]
    assert steps[3].node.path == ("Steps", 1, *("Arguments", "IfSteps", 0) * 2)


def test_a_conditions_own_are_its_comparisons_without_the_steps_inside() -> None:
    gate, *_ = written_steps({"Steps": [INNER]})
    found = {node.value for node in gate.own_nodes() if node.text}
    assert found == {"Inner", "Condition", "Train", "Not"}
    assert own_arguments(INNER) == {"Conditions": [{"Type": "Not"}]}
    assert own_arguments(TRAIN) == {"Channel": "train"}


@pytest.mark.parametrize("broken", [None, 5, {}, {"Steps": 5}, {"Steps": [None]}])
def test_what_is_no_definition_has_no_steps(broken: Any) -> None:
    assert written_steps(broken) == ()
