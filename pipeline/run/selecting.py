"""Turn `--from STEP` into the steps to run, the run to take the others of, and its parameters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.assets.code_bundle import entry_of
from pipeline.definition.cache_fields import CACHE_FIELDS, cache_fields
from pipeline.definition.expressions import parse_path, references
from pipeline.definition.graph import Graph, Step, read_graph
from pipeline.definition.parameters import Value, bind_parameters
from pipeline.definition.selection import (
    Selection,
    SelectionError,
    needed_steps,
    steps_before,
    steps_from,
)
from pipeline.diff.values import changes
from pipeline.errors import PipelineError
from pipeline.report.runs import find_run, list_runs
from pipeline.report.sources.facts import Facts, read_facts
from pipeline.report.sources.source import Source

_SOURCES = ("Succeeded", "Failed")  # as SageMaker documents it
_LOOKED_AT = 50  # runs, newest first
_COMMIT = "GitCommit"  # of the code that runs now


@dataclass(frozen=True)
class FromStep:
    """The step that a run begins at, and the run (id, ARN or newest) to take the others of."""

    step: str
    source: str | None = None


@dataclass(frozen=True)
class Selected:
    """The steps to run, None for all, their parameters, and what a person should know of it."""

    selection: Selection | None
    parameters: Mapping[str, Value]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """The definition that is to run, its steps that do not run, and the parameters given."""

    definition: Mapping[str, Any]
    graph: Graph
    needed: tuple[str, ...]
    taken: tuple[str, ...]
    given: Mapping[str, Value]
    read: frozenset[str]

    @property
    def declared(self) -> Sequence[Mapping[str, Any]]:
        """The parameters that the definition declares."""
        return self.definition.get("Parameters") or []


def select(
    source: Source,
    pipelines: Sequence[str],
    definition: Mapping[str, Any],
    asked: FromStep,
    given: Mapping[str, Value],
) -> Selected:
    """Choose what a run from a step runs: it, what comes after it, on what was made before.

    Without a run to take that of it is the newest whose steps were made as this definition makes
    them; only their code and image may be others. Parameters are those that the run was given,
    `given` ones apart. Raises SelectionError, UsageError.
    """
    graph = read_graph(definition)
    steps = steps_from(graph, asked.step)
    needed, taken = needed_steps(graph, steps), steps_before(graph, steps)
    bind_parameters(definition.get("Parameters") or [], given)
    if not needed:
        if asked.source:
            raise SelectionError(f"nothing comes before step {asked.step}: leave --source out")
        return Selected(Selection(steps), given)
    read = frozenset(name for step in taken for name in _read_by(graph.steps[step]))
    what = _Asked(definition, graph, needed, taken, given, read)
    refusals = []
    for arn in _candidates(source.sagemaker, pipelines, asked.source):
        facts = read_facts(source, arn, ())
        if why := _why_not(facts, what):
            refusals.append(f"run {facts.id} {why}")
        else:
            return Selected(Selection(steps, arn), *_parameters(facts, what))
    if asked.source:
        raise SelectionError(f"--source: {refusals[0]}")
    there = f": {refusals[0]}" if refusals else ""
    before = ", ".join(needed)
    raise SelectionError(
        f"no run has what step {asked.step} needs of {before}{there}; run it without --from"
    )


def _candidates(client: Any, pipelines: Sequence[str], wanted: str | None) -> Iterable[str]:
    there = [name for name in pipelines if _is_there(client, name)]
    if wanted:
        return [find_run(client, there, wanted)]
    return [run.arn for run in list_runs(client, there, _LOOKED_AT)]


def _is_there(client: Any, pipeline: str) -> bool:
    try:
        client.describe_pipeline(PipelineName=pipeline)
    except client.exceptions.ResourceNotFound:
        return False
    return True


def _why_not(facts: Facts, what: _Asked) -> str:
    """Say what keeps steps from being taken of a run; empty for nothing."""
    try:
        return next(_problems(facts, what), "")
    except PipelineError as error:  # of a definition or parameters of then
        return f"cannot be compared: {error}"


def _problems(facts: Facts, what: _Asked) -> Iterator[str]:
    """Yield what keeps steps from being taken of a run."""
    status = str(facts.execution["PipelineExecutionStatus"])
    if status not in _SOURCES:
        ended = f"is {status}: steps are taken of runs that are {' or '.join(_SOURCES)}"
        yield ended + (f"; --retry {facts.id} goes on with it" if status == "Stopped" else "")
    for name in what.needed:
        state = facts.summaries.get(name, {}).get("StepStatus", "not run")
        if state != "Succeeded":
            yield f"has no results of step {name}, which is {state}"
    before = _steps_of(facts.definition)
    for name in what.taken:
        if difference := _difference(before.get(name), what.graph.steps[name]):
            yield f"made step {name} otherwise: {difference}; start from {name}"
    was, now = _bound_before(facts, what), bind_parameters(what.declared, what.given)
    for name in sorted(what.read & what.given.keys()):
        if name in was and now[name] != was[name]:
            yield f"had {name}={was[name]}, which steps taken of it read: {now[name]} is too late"


def _parameters(facts: Facts, what: _Asked) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the parameters to run with, and the notes.

    What was given then is given again; what the steps read that do not run stays as it was.
    """
    was, usual = _bound_before(facts, what), _defaults(facts.definition.get("Parameters") or [])
    chosen = {n: v for n, v in was.items() if v != usual.get(n, v) and n != _COMMIT}
    fixed = {name: was[name] for name in sorted(what.read & was.keys())}
    parameters = {**chosen, **what.given, **fixed}
    notes = [f"{', '.join(what.taken)}: as they are in run {facts.id}"]
    before = _steps_of(facts.definition)
    if newer := [n for n in what.taken if _code_differs(before.get(n), what.graph.steps[n])]:
        notes.append(f"{', '.join(newer)}: made by other code, or in another image, than now")
    now = _defaults(what.declared)
    for name, value in parameters.items():
        if name not in what.given and value != now.get(name, value):
            notes.append(f"{name}={value}, as in run {facts.id}")
    return parameters, tuple(notes)


def _bound_before(facts: Facts, what: _Asked) -> dict[str, Value]:
    """Return the parameters of a run that are declared still, typed; defaults where not given."""
    declared = [one for one in what.declared if one["Name"] in facts.parameters]
    given = {one["Name"]: facts.parameters[one["Name"]] for one in declared}
    names = {one["Name"] for one in what.declared}
    usual = _defaults(facts.definition.get("Parameters") or [])
    was = {name: value for name, value in usual.items() if name in names}
    return was | bind_parameters([_any_value(one) for one in declared], given)


def _defaults(declared: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    return bind_parameters([one for one in declared if "DefaultValue" in one], {})


def _any_value(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the choices of a parameter: the value was one of those of then."""
    return {name: value for name, value in parameter.items() if name != "EnumValues"}


def _steps_of(definition: Mapping[str, Any]) -> Mapping[str, Step]:
    return read_graph(definition).steps


def _read_by(step: Step) -> Iterator[str]:
    """Yield the parameters that decide what a step makes."""
    for reference in references(_what_counts(step)):
        root, *rest = parse_path(reference)
        if root == "Parameters" and rest:
            yield str(rest[0])


def _what_counts(step: Step) -> Any:
    """Return the part of a step that decides what it makes."""
    if step.type in CACHE_FIELDS:
        return cache_fields(step.type, step.arguments)
    return {"Arguments": step.arguments, "FunctionArn": step.definition.get("FunctionArn")}


def _difference(before: Step | None, now: Step) -> str:
    """Say how a step is written otherwise, apart from its code and image; "" when it is not."""
    if before is None or before.type != now.type:
        return "it is another step"
    found = changes(_without_code(_what_counts(before)), _without_code(_what_counts(now)))
    return next((change.text().removeprefix(".") for change in found), "")


def _code_differs(before: Step | None, now: Step) -> bool:
    return before is None or _what_counts(before) != _what_counts(now)


def _without_code(value: Any) -> Any:
    """Replace addresses of code by what they start, and images by nothing."""
    if isinstance(value, Mapping):
        images = ("ImageUri", "TrainingImage")
        return {key: _without_code(inner) for key, inner in value.items() if key not in images}
    if isinstance(value, list):
        return [_without_code(inner) for inner in value]
    return (entry_of(value) or value) if isinstance(value, str) else value
