"""Which steps a run that begins in the middle is made of."""

from typing import Any

import pytest

from pipeline.definition.graph import Graph, read_graph
from pipeline.definition.selection import (
    SelectionError,
    beginnings,
    check_selection,
    needed_steps,
    steps_before,
    steps_from,
)

CACHED = {"CacheConfig": {"Enabled": True}}


def _step(name: str, *after: str, kind: str = "Processing", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": {}, "DependsOn": list(after), **more}


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Our pipeline in small: Other hangs on Prepare alone, Alone on nothing."""
    register = _step("Register", "Train", kind="RegisterModel")
    gate = _step("Gate", "Evaluate", kind="Condition")
    gate["Arguments"] = {"Conditions": [], "IfSteps": [register], "ElseSteps": []}
    steps = [
        _step("Prepare"),
        _step("Features", "Prepare"),
        _step("Train", "Features"),
        _step("FindChampion", kind="Lambda"),
        _step("Evaluate", "Prepare", "Train", "FindChampion"),
        gate,
        _step("Other", "Prepare"),
        _step("Alone"),
    ]
    return read_graph({"Steps": steps})


@pytest.mark.parametrize(
    ("first", "selected", "needed"),
    [
        # what the champion is may have changed since: it is asked again
        ("Train", "Train FindChampion Evaluate Gate Register", "Prepare Features"),
        ("Evaluate", "FindChampion Evaluate Gate Register", "Prepare Train"),
        ("FindChampion", "FindChampion Evaluate Gate Register", "Prepare Train"),
        # the evaluation was made already, against the champion of then
        ("Gate", "Gate Register", "Train Evaluate"),
        ("Prepare", "Prepare Features Train FindChampion Evaluate Gate Register Other", ""),
        ("Alone", "Alone", ""),
    ],
)
def test_a_run_from_a_step_runs_all_that_comes_after_it(
    graph: Graph, first: str, selected: str, needed: str
) -> None:
    found = steps_from(graph, first)
    assert " ".join(found) == selected
    assert " ".join(needed_steps(graph, found)) == needed
    check_selection(graph, found)


def test_all_steps_before_are_known(graph: Graph) -> None:
    assert steps_before(graph, ["Gate", "Register"]) == (
        *("Prepare", "Features", "Train", "FindChampion", "Evaluate"),
    )


def test_a_run_can_begin_where_all_before_it_succeeded(graph: Graph) -> None:
    assert beginnings(graph, ["Prepare"]) == ("Prepare", "Features", "Other", "Alone")
    everything = beginnings(graph, list(graph.steps))
    assert "Train" in everything and "Register" not in everything


def test_a_cached_function_need_not_be_asked_again() -> None:
    steps = [_step("Ask", kind="Lambda", **CACHED), _step("Use", "Ask")]
    assert steps_from(read_graph({"Steps": steps}), "Use") == ("Use",)


@pytest.mark.parametrize(
    ("first", "says"),
    [("Trian", "did you mean Train?"), ("Register", "only if Gate says so: start from Gate")],
)
def test_no_run_begins_at_a_step_that_is_not_there_or_may_not_run(
    graph: Graph, first: str, says: str
) -> None:
    with pytest.raises(SelectionError, match=says):
        steps_from(graph, first)


@pytest.mark.parametrize(
    ("selected", "says"),
    [
        (["Trian"], "did you mean Train?"),
        (["Register"], "select Gate as well"),
        (["Prepare", "Train"], "left out: select Features as well"),
        (["Train", "Gate"], "left out: select Evaluate as well"),
        (["Train", "Alone"], "not connected: Train and Alone"),
        (["Features", "Other"], "not connected: Features and Other"),
    ],
)
def test_steps_that_do_not_hang_together_are_refused(
    graph: Graph, selected: list[str], says: str
) -> None:
    with pytest.raises(SelectionError, match=says):
        check_selection(graph, selected)


@pytest.mark.parametrize("selected", [["Train"], ["Gate"], ["Prepare", "Features", "Other"]])
def test_steps_that_hang_together_are_taken(graph: Graph, selected: list[str]) -> None:
    check_selection(graph, selected)
