"""Read what steps left that succeeded before: in another run, or in this one before it ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.definition.graph import Graph, Step
from pipeline.definition.selection import Selection, SelectionError, needed_steps, steps_before
from pipeline.local.engine.caching import StepCache
from pipeline.local.store import Document, Store

STEP = "PipelineExecutionStep"
EXECUTION = "PipelineExecution"
# The kinds of documents that metadata of steps name.
_DOCUMENTS = {
    "ProcessingJob": "ProcessingJob",
    "TrainingJob": "TrainingJob",
    "TuningJob": "HyperParameterTuningJob",
    "RegisterModel": "ModelPackage",
    "Model": "Model",
}
# As SageMaker documents it: of a run that was stopped nothing is taken.
_SOURCES = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Kept:
    """The results of a step that need not run; `source` is the execution they are taken of.

    Without one they are this execution's own, and recorded already.
    """

    properties: Document
    metadata: Document
    source: str | None = None


def taken_steps(store: Store, graph: Graph, pipeline: str, selection: Selection) -> dict[str, Kept]:
    """Read what selected steps need, and all that was before it, of the source execution.

    Raises SelectionError for a source that cannot be one, and for results that are not there.
    """
    needed = needed_steps(graph, selection.steps)
    if selection.source is None:
        if needed:
            selected, others = (", ".join(names) for names in (selection.steps, needed))
            raise SelectionError(
                "Invalid SourcePipelineExecutionArn: null. The selected steps "
                f"[{selected}] have dependencies on [{others}]"
            )
        return {}
    source = _source(store, pipeline, selection.source)
    recorded = _recorded(store, source)
    found = {}
    for name in steps_before(graph, selection.steps):
        step, document = graph.steps[name], recorded.get(name)
        if name in needed:
            found[name] = _needed(store, step, document, selection.source)
        elif kept := _at_hand(store, step, document):
            found[name] = replace(kept, source=selection.source)
    return found


def own_steps(store: Store, graph: Graph, identity: str) -> dict[str, Kept]:
    """Read the steps of an execution that succeeded. Raises SelectionError for results gone since.

    Those that it took of another execution are recorded in it as well.
    """
    return {
        name: replace(_needed(store, graph.steps[name], document, identity), source=None)
        for name, document in _recorded(store, identity).items()
        if name in graph.steps and document["StepStatus"] == "Succeeded"
    }


def properties_of(store: Store, step: Step, document: Document) -> Document | None:
    """Return what others may refer to of a step that succeeded; None where it is gone."""
    metadata: Mapping[str, Any] = document.get("Metadata") or {}
    if "Condition" in metadata:
        return dict(metadata["Condition"])
    if "Lambda" in metadata:
        answered = metadata["Lambda"].get("OutputParameters") or []
        return {"OutputParameters": dict(_typed(step, answered))}
    for kind, content in metadata.items():
        if kind in _DOCUMENTS:
            return store.get_by_arn(_DOCUMENTS[kind], content["Arn"])
    return None


def _typed(step: Step, answered: list[dict[str, str]]) -> Iterator[tuple[str, Any]]:
    """Give a function's answers, which are kept as text, the types that the step declares."""
    declared = step.definition.get("OutputParameters") or []
    types = {one["OutputName"]: one.get("OutputType") for one in declared}
    for one in answered:
        name, value = one["Name"], one["Value"]
        kind = types.get(name)
        if kind == "Boolean":
            yield name, value == "true"
        elif kind in ("Integer", "Float"):
            yield name, int(value) if kind == "Integer" else float(value)
        else:
            yield name, value


def _source(store: Store, pipeline: str, arn: str) -> str:
    """Return the id of an execution that steps can be taken of. Raises SelectionError."""
    document = store.get_by_arn(EXECUTION, arn)
    if document is None:
        raise SelectionError(f"Invalid SourcePipelineExecutionArn: there is no execution {arn}")
    identity = arn.rpartition("/")[2]
    if (other := document["PipelineArn"].rpartition("/")[2]) != pipeline:
        raise SelectionError(f"run {identity} is of pipeline {other}, not of {pipeline}")
    status = document["PipelineExecutionStatus"]
    if status not in _SOURCES:
        raise SelectionError(
            f"run {identity} is {status}: steps are taken of runs that are {' or '.join(_SOURCES)}"
        )
    return identity


def _recorded(store: Store, identity: str) -> dict[str, Document]:
    return {one["StepName"]: one for one in store.named(STEP, f"{identity}/")}


def _at_hand(store: Store, step: Step, document: Document | None) -> Kept | None:
    """Return what is still there of a step that no selected one reads; None for nothing."""
    if document is None or document["StepStatus"] != "Succeeded":
        return None
    properties = properties_of(store, step, document)
    return None if properties is None else Kept(properties, document.get("Metadata") or {})


def _needed(store: Store, step: Step, document: Document | None, source: str) -> Kept:
    run = f"run {source.rpartition('/')[2]}"
    status = document["StepStatus"] if document else "was not run"
    if document is None or status != "Succeeded":
        raise SelectionError(f"{run} has no results of step {step.name}, which {status}")
    properties = properties_of(store, step, document)
    problem = "its job is gone"
    if properties is not None:
        problem = _problem(store, document, properties)
    if properties is None or problem:
        raise SelectionError(f"{run} has the results of step {step.name} no more: {problem}")
    return Kept(properties, document.get("Metadata") or {}, source)


def _problem(store: Store, document: Document, properties: Document) -> str:
    """Say what became of a step's outputs since; empty when they are as they were."""
    for uri in _outputs(properties):
        if not store.path(uri).exists():
            return f"its output {uri} is missing"
    pipeline = document["PipelineExecutionArn"].rpartition("/execution/")[0].rpartition("/")[2]
    return StepCache(store, pipeline).problem_of(document["StepName"], document.get("Metadata"))


def _outputs(properties: Document) -> Iterator[str]:
    for output in (properties.get("ProcessingOutputConfig") or {}).get("Outputs") or []:
        yield output["S3Output"]["S3Uri"]
    if model := (properties.get("ModelArtifacts") or {}).get("S3ModelArtifacts"):
        yield model
