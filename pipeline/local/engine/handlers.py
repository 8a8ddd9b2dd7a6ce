"""Run each type of step: resolved arguments in, properties for its followers out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.command_line.step_table import show
from pipeline.definition.expressions import Scope, resolve, text
from pipeline.definition.graph import Step
from pipeline.local.engine.conditions import all_hold
from pipeline.local.engine.executions import Execution
from pipeline.local.engine.registration import Api, create_model, register_model
from pipeline.local.engine.requests import typed_request
from pipeline.local.failures import StepFailed, StepStopped
from pipeline.local.jobs.containers import Background, Job, JobOutcome, job_name
from pipeline.local.jobs.lambdas import output_parameters, run_lambda
from pipeline.local.jobs.processing import run_processing_job
from pipeline.local.jobs.training import debug_output, run_training_job
from pipeline.local.jobs.tuning import TuningProgress, run_tuning_job
from pipeline.local.processes.command import Starter
from pipeline.local.service.credentials import Address
from pipeline.local.store import Document, Store

_TUNING_NAME_LIMIT = 32
OPERATIONS: Mapping[str, tuple[str, str]] = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
    "Tuning": ("CreateHyperParameterTuningJob", "HyperParameterTuningJobName"),
    "RegisterModel": ("CreateModelPackage", ""),
    "Model": ("CreateModel", "ModelName"),
}


@dataclass(frozen=True)
class StepContext:
    """Everything that a step may use.

    `report` changes members of its StepProgress, `record` of its entry.
    """

    execution: Execution
    store: Store
    api: Api
    scope: Scope
    start: Starter
    cores: int
    grace_s: float
    lambda_handlers: Mapping[str, Path]
    lambda_variables: Mapping[str, Mapping[str, str]]
    service: Address | None
    should_stop: Callable[[], bool]
    background: Background
    no_own_opt_ml: str
    report: Callable[..., None]
    record: Callable[[Document], None]


@dataclass(frozen=True)
class StepOutput:
    """A step's results: properties to refer to, metadata for its entry, where its outputs are."""

    properties: Document
    metadata: Document
    metric: str | None = None
    outputs: tuple[str, ...] = field(default=())


def resolve_arguments(step: Step, context: StepContext) -> dict[str, Any]:
    """Resolve a step's arguments, with the types of its operation where it has one.

    Raises UnresolvedError, DefinitionError.
    """
    if step.type == "Condition":
        return {}
    name = name_of(step, context.execution)
    variables = {"TrainingJobName": name, "ProcessingJobName": name}
    scope = replace(context.scope, execution={**context.scope.execution, **variables})
    arguments: dict[str, Any] = resolve(step.arguments, scope)
    if step.type not in OPERATIONS:
        return arguments
    operation, member = OPERATIONS[step.type]
    named = {member: name} if member else {}
    return typed_request(operation, {**arguments, **named})


def function_of(step: Step, context: StepContext) -> str:
    """Return the resolved ARN of a Lambda step's function; empty for any other step.

    Raises UnresolvedError, DefinitionError.
    """
    if step.type != "Lambda":
        return ""
    return text(resolve(step.definition.get("FunctionArn"), context.scope))


def name_of(step: Step, execution: Execution) -> str:
    """Name a step's job or model: valid, and its own in every execution."""
    if step.type == "Tuning":
        return job_name(execution.id, step.name, limit=_TUNING_NAME_LIMIT)
    return job_name("pipelines", execution.id, step.name)


def run_step(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    """Do a step's work. Raises StepFailed, StepStopped, and PipelineError for what else fails."""
    handlers = {
        "Processing": _processing,
        "Training": _training,
        "Tuning": _tuning,
        "Condition": _condition,
        "RegisterModel": _register,
        "Model": _model,
        "Lambda": _lambda,
        "Fail": _fail,
    }
    return handlers[step.type](step, arguments, context)


def _processing(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    job = _job(step, context)
    metadata = {"ProcessingJob": {"Arn": job.arn("processing-job", job.name)}}
    context.record({"Metadata": metadata})
    document = _checked(step, run_processing_job(arguments, job), context)
    places = (document.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    outputs = tuple(place["S3Output"]["S3Uri"] for place in places)
    return StepOutput(document, metadata, outputs=outputs)


def _training(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    newest: list[str] = []

    def on_metric(name: str, value: float) -> None:
        newest[:] = [show(name, value)]
        context.report(metric=newest[0])

    job = replace(_job(step, context), on_metric=on_metric)
    metadata = {"TrainingJob": {"Arn": job.arn("training-job", job.name)}}
    context.record({"Metadata": metadata})
    document = _checked(step, run_training_job(arguments, job), context)
    model = document["ModelArtifacts"]["S3ModelArtifacts"]
    outputs = (model, f"{model.rpartition('/')[0]}/output.tar.gz", *_tensors_of(document))
    return StepOutput(document, metadata, newest[0] if newest else None, outputs)


def _tensors_of(document: Document) -> tuple[str, ...]:
    uri = debug_output(document, document["TrainingJobName"])
    return (uri,) if uri else ()


def _tuning(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    job = _job(step, context)
    metadata = {"TuningJob": {"Arn": job.arn("hyper-parameter-tuning-job", job.name)}}
    context.record({"Metadata": metadata})

    def on_progress(state: TuningProgress) -> None:
        best = None if state.best is None else show("best", state.best)
        context.report(metric=best, trials_done=state.done, trials_total=state.total)

    document = _checked(step, run_tuning_job(arguments, job, on_progress), context)
    best = document["BestTrainingJob"]
    trained = context.store.get("TrainingJob", best["TrainingJobName"]) or {}
    model = trained["ModelArtifacts"]["S3ModelArtifacts"]
    objective = best["FinalHyperParameterTuningJobObjectiveMetric"]
    return StepOutput(document, metadata, show("best", objective["Value"]), (model,))


def _condition(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    outcome = "True" if all_hold(step.arguments["Conditions"], context.scope) else "False"
    context.report(message=f"outcome: {outcome}")
    return StepOutput({"Outcome": outcome}, {"Condition": {"Outcome": outcome}})


def _register(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    _stop_here(context)
    document = register_model(arguments, context.store, context.api, context.execution.arn)
    arn = document["ModelPackageArn"]
    context.report(message=arn.rpartition(":")[2])
    return StepOutput(document, {"RegisterModel": {"Arn": arn}})


def _model(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    _stop_here(context)
    document = create_model(arguments, context.api)
    return StepOutput(document, {"Model": {"Arn": document["ModelArn"]}})


def _lambda(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    _stop_here(context)
    arn = function_of(step, context)
    answer = run_lambda(
        step.name,
        arn,
        arguments,
        handlers=context.lambda_handlers,
        service=context.service,
        region=context.execution.place.region,
        work=context.execution.folder / step.name,
        should_stop=context.should_stop,
        variables=context.lambda_variables.get(arn.rpartition(":")[2]),
    )
    declared = step.definition.get("OutputParameters") or []
    found = output_parameters(step.name, declared, answer)
    listed = [{"Name": name, "Value": text(value)} for name, value in found.items()]
    metadata = {"Lambda": {"Arn": arn, "OutputParameters": listed}}
    return StepOutput({"OutputParameters": found}, metadata)


def _fail(step: Step, arguments: dict[str, Any], context: StepContext) -> StepOutput:
    message = text(arguments.get("ErrorMessage", "a Fail step was reached"))
    context.record({"Metadata": {"Fail": {"ErrorMessage": message}}})
    raise StepFailed(step.name, message)


def _job(step: Step, context: StepContext) -> Job:
    return Job(
        step=step.name,
        name=name_of(step, context.execution),
        store=context.store,
        work=context.execution.folder / step.name,
        arn=context.execution.place.arn,
        region=context.execution.place.region,
        cores=context.cores,
        start=context.start,
        grace_s=context.grace_s,
        should_stop=context.should_stop,
        on_metric=lambda name, value: None,
        on_progress=lambda text: context.report(progress=text),
        background=context.background,
        no_own_opt_ml=context.no_own_opt_ml,
    )


def _checked(step: Step, outcome: JobOutcome, context: StepContext) -> Document:
    if outcome.failure:
        raise outcome.failure
    if outcome.stopped:
        raise StepStopped(f"step {step.name} was stopped")
    if outcome.warnings:
        context.report(message=", ".join(outcome.warnings))
    return outcome.document


def _stop_here(context: StepContext) -> None:
    """Raise StepStopped if the run is being stopped: nothing is registered or deployed then."""
    if context.should_stop():
        raise StepStopped("stopped before it began")
