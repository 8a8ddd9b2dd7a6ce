"""Select the steps of a run that begins at one of them, by SageMaker's rules of selective runs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.definition.graph import Graph, Step
from pipeline.errors import UsageError
from pipeline.suggestions import suggest


class SelectionError(UsageError):
    """Steps that a run cannot be made of."""


@dataclass(frozen=True)
class Selection:
    """The steps that a run runs, in their order; what they need of others is taken of `source`.

    `source` is an execution's ARN; None where they need no others.
    """

    steps: tuple[str, ...]
    source: str | None = None

    def to_request(self) -> dict[str, Any]:
        """Return it as a SelectiveExecutionConfig of SageMaker's API."""
        source = {"SourcePipelineExecutionArn": self.source} if self.source else {}
        return {**source, "SelectedSteps": [{"StepName": name} for name in self.steps]}


def steps_from(graph: Graph, first: str) -> tuple[str, ...]:
    """Return a step, everything after it, and what these need that is never cached.

    Such a step (our FindChampion) asks what may have changed since, and its answer of then would be
    wrong now. Raises SelectionError for an unknown step, or one inside a condition.
    """
    if first not in graph.steps:
        raise SelectionError(f"there is no step {first!r}; {suggest(first, list(graph.steps))}")
    if around := _conditions(graph, graph.steps[first]):
        raise SelectionError(
            f"step {first} runs only if {around[-1]} says so: start from {around[-1]}"
        )
    selected = {first, *_after(graph, {first})}
    while more := {n for n in needed_steps(graph, selected) if _asks_anew(graph.steps[n])}:
        selected |= more | _after(graph, more)
    return _in_order(graph, selected)


def check_selection(graph: Graph, selected: Collection[str]) -> None:
    """Check that steps can be run without the others.

    All must be known, with the conditions around them, hang together, and leave out none that is
    between two of them. Raises SelectionError.
    """
    for name in selected:
        if name not in graph.steps:
            raise SelectionError(f"there is no step {name!r}; {suggest(name, list(graph.steps))}")
        for condition in _conditions(graph, graph.steps[name]):
            if condition not in selected:
                raise SelectionError(
                    f"step {name} runs only if {condition} says so: select {condition} as well"
                )
    chosen = set(selected)
    between = (_after(graph, chosen) & _before(graph, chosen)) - chosen
    if between:
        left_out = ", ".join(_in_order(graph, between))
        raise SelectionError(f"steps between selected ones are left out: select {left_out} as well")
    if apart := _apart(graph, chosen):
        there, here = (", ".join(_in_order(graph, names)) for names in (apart, chosen - apart))
        raise SelectionError(f"the selected steps are not connected: {here} and {there}")


def needed_steps(graph: Graph, selected: Collection[str]) -> tuple[str, ...]:
    """Return the steps whose results selected ones read, and that are not selected themselves."""
    needs = {need for name in selected for need in graph.steps[name].needs}
    return _in_order(graph, needs - set(selected))


def steps_before(graph: Graph, selected: Collection[str]) -> tuple[str, ...]:
    """Return all steps that selected ones come after, without these."""
    return _in_order(graph, _before(graph, set(selected)) - set(selected))


def beginnings(graph: Graph, succeeded: Collection[str]) -> tuple[str, ...]:
    """Return the steps at which a run can begin that takes others of one with these successes."""
    outer = [step.name for step in graph.steps.values() if step.branch is None]
    return tuple(n for n in outer if {*needed_steps(graph, steps_from(graph, n))} <= {*succeeded})


def _asks_anew(step: Step) -> bool:
    return step.type == "Lambda" and not (step.definition.get("CacheConfig") or {}).get("Enabled")


def _conditions(graph: Graph, step: Step) -> list[str]:
    """Return the conditions around a step, from the inside outwards."""
    found = []
    while step.branch is not None:
        found.append(step.branch[0])
        step = graph.steps[step.branch[0]]
    return found


def _after(graph: Graph, names: Collection[str]) -> set[str]:
    found: set[str] = set()
    while more := {s.name for s in graph.steps.values() if s.needs & {*names, *found}} - found:
        found |= more
    return found


def _before(graph: Graph, names: Collection[str]) -> set[str]:
    found: set[str] = set()
    while more := {n for one in (*names, *found) for n in graph.steps[one].needs} - found:
        found |= more
    return found


def _apart(graph: Graph, chosen: set[str]) -> set[str]:
    """Return the chosen steps that are not connected with the first of them."""
    reached = set(_in_order(graph, chosen)[:1])
    while more := set(_beside(graph, chosen, reached)) - reached:
        reached |= more
    return chosen - reached


def _beside(graph: Graph, chosen: set[str], reached: set[str]) -> Iterator[str]:
    for name in chosen:
        needs = graph.steps[name].needs & chosen
        if name in reached:
            yield from needs
        elif needs & reached:
            yield name


def _in_order(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in graph.steps if name in names)
