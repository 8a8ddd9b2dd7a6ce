"""Answer the operations on pipelines, their executions, and the jobs these start.

The engine writes these documents; here they are read. Besides what Describe answers they carry
what Lists ask for: a PipelineExecutionStep its PipelineExecutionArn, a PipelineExecution its
PipelineParameters (name and value pairs) and PipelineDefinition (text), and a TrainingJob of a
tuning job its TunedHyperParameters, FinalHyperParameterTuningJobObjectiveMetric and
ObjectiveStatus.
"""

import json

from pipeline.local.service.operations.context import (
    Handler,
    OperationContext,
    Table,
    invalid,
    name_of,
    not_found,
    now,
    refuse,
)
from pipeline.local.service.operations.listing import Listing, list_operation, page_of
from pipeline.local.service.operations.tags import put_tags
from pipeline.local.store import Document


def create_pipeline(context: OperationContext, params: Document) -> Document:
    """Answer CreatePipeline: the definition must be JSON; it is not checked further here."""
    name = params["PipelineName"]
    refuse(params, ["PipelineDefinitionS3Location", "PipelineVersionAliases"])
    _check_definition(params)
    arn = context.arn("pipeline", name)
    made = now()
    left_out = ("Tags", "ClientRequestToken")
    document = {"PipelineDisplayName": name}
    document |= {key: value for key, value in params.items() if key not in left_out}
    document |= {
        "PipelineArn": arn,
        "PipelineStatus": "Active",
        "CreationTime": made,
        "LastModifiedTime": made,
    }
    with context.store.transaction():
        if context.store.get("Pipeline", name):
            raise invalid(
                "Pipeline names must be unique within an AWS account and region. "
                f"Pipeline with name ({name}) already exists."
            )
        context.store.put("Pipeline", name, document, arn=arn)
        put_tags(context, arn, params.get("Tags"))
    return {"PipelineArn": arn}


def update_pipeline(context: OperationContext, params: Document) -> Document:
    """Answer UpdatePipeline: what is given replaces what was there."""
    refuse(params, ["PipelineDefinitionS3Location", "PipelineVersionAliases"])
    if "PipelineDefinition" in params:
        _check_definition(params)
    with context.store.transaction():
        pipeline = find_pipeline(context, params["PipelineName"])
        changes = {key: value for key, value in params.items() if key != "PipelineName"}
        pipeline |= changes | {"LastModifiedTime": now()}
        arn = pipeline["PipelineArn"]
        context.store.put("Pipeline", pipeline["PipelineName"], pipeline, arn=arn)
    return {"PipelineArn": arn}


def describe_pipeline(context: OperationContext, params: Document) -> Document:
    """Answer DescribePipeline, by name or ARN."""
    refuse(params, ["PipelineVersionId", "PipelineVersionAlias"])
    return find_pipeline(context, params["PipelineName"])


def find_pipeline(context: OperationContext, name: str) -> Document:
    """Return the pipeline of that name or ARN. Raises ApiError."""
    document = context.store.get("Pipeline", name_of(name))
    if document is None:
        arn = context.arn("pipeline", name_of(name))
        raise not_found(f"Pipeline '{arn}' does not exist.")
    return document


def _check_definition(params: Document) -> None:
    try:
        json.loads(params["PipelineDefinition"])
    except (KeyError, ValueError) as error:
        raise invalid(f"Unable to parse pipeline definition: {error}") from error


def describe_execution(context: OperationContext, params: Document) -> Document:
    """Answer DescribePipelineExecution."""
    return find_execution(context, params["PipelineExecutionArn"])


def describe_definition(context: OperationContext, params: Document) -> Document:
    """Answer DescribePipelineDefinitionForExecution."""
    return find_execution(context, params["PipelineExecutionArn"])


def list_parameters(context: OperationContext, params: Document) -> Document:
    """Answer ListPipelineParametersForExecution, in the order of the definition."""
    execution = find_execution(context, params["PipelineExecutionArn"])
    found = execution.get("PipelineParameters", [])
    placed = [((float(number), "", ""), item) for number, item in enumerate(found)]
    page, token = page_of(placed, params)
    return {"PipelineParameters": page} | ({"NextToken": token} if token else {})


def find_execution(context: OperationContext, arn: str) -> Document:
    """Return the pipeline execution of that ARN. Raises ApiError."""
    document = context.store.get_by_arn("PipelineExecution", arn)
    if document is None:
        raise not_found(f"Pipeline execution with ARN {arn} does not exist.")
    return document


def _executions(context: OperationContext, params: Document) -> list[Document]:
    name = find_pipeline(context, params["PipelineName"])["PipelineName"]
    return [
        execution
        | {
            "StartTime": execution.get("CreationTime"),
            "PipelineExecutionFailureReason": execution.get("FailureReason"),
        }
        for execution in context.store.list("PipelineExecution")
        # By name: the account and region in an ARN are those of the settings at that time.
        if name_of(execution.get("PipelineArn", "")) == name
    ]


def _steps(context: OperationContext, params: Document) -> list[Document]:
    if "PipelineExecutionArn" not in params:
        raise invalid("PipelineExecutionArn is needed.")
    arn = find_execution(context, params["PipelineExecutionArn"])["PipelineExecutionArn"]
    return [
        step | {"CreationTime": step.get("StartTime")}
        for step in context.store.list("PipelineExecutionStep")
        if step.get("PipelineExecutionArn") == arn
    ]


def _trials(context: OperationContext, params: Document) -> list[Document]:
    tuning = _find_job(context, "HyperParameterTuningJob", params["HyperParameterTuningJobName"])
    trials = [
        _trial(job, tuning)
        for job in context.store.list("TrainingJob")
        if job.get("TuningJobArn") == tuning["HyperParameterTuningJobArn"]
    ]
    # As SageMaker does: sorted by the objective, those without one are left out.
    by_value = params.get("SortBy") == "FinalObjectiveMetricValue"
    return [t for t in trials if not by_value or t["FinalObjectiveMetricValue"] is not None]


def _trial(job: Document, tuning: Document) -> Document:
    objective = job.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    return (
        {"TunedHyperParameters": {}}
        | job
        | {
            "TuningJobName": tuning["HyperParameterTuningJobName"],
            "FinalObjectiveMetricValue": objective.get("Value"),
        }
    )


def _find_job(context: OperationContext, kind: str, name: str) -> Document:
    document = context.store.get(kind, name)
    if document is None:
        raise not_found(f"Requested resource not found: {kind} {name}.")
    return document


def _describe_job(kind: str) -> Handler:
    return lambda context, params: _find_job(context, kind, params[f"{kind}Name"])


def _list_jobs(kind: str) -> Handler:
    return list_operation(f"List{kind}s", Listing(kind, f"{kind}Name", status=f"{kind}Status"))


def _tuning_jobs(context: OperationContext, _params: Document) -> list[Document]:
    # Their summaries show two members of the configuration.
    return [
        {
            name: job.get("HyperParameterTuningJobConfig", {}).get(name)
            for name in ("Strategy", "ResourceLimits")
        }
        | job
        for job in context.store.list("HyperParameterTuningJob")
    ]


def _chosen(_document: Document, _value: object) -> bool:
    return True  # `find` started from these alone


OPERATIONS: Table = {
    "CreatePipeline": create_pipeline,
    "UpdatePipeline": update_pipeline,
    "DescribePipeline": describe_pipeline,
    "ListPipelines": list_operation(
        "ListPipelines",
        Listing(
            "Pipeline",
            "PipelineName",
            descending=True,
            filters={
                "PipelineNamePrefix": lambda pipeline, value: pipeline["PipelineName"].startswith(
                    value
                )
            },
        ),
    ),
    "DescribePipelineExecution": describe_execution,
    "DescribePipelineDefinitionForExecution": describe_definition,
    "ListPipelineParametersForExecution": list_parameters,
    "ListPipelineExecutions": list_operation(
        "ListPipelineExecutions",
        Listing(
            "PipelineExecution",
            "PipelineExecutionArn",
            descending=True,
            find=_executions,
            filters={"PipelineName": _chosen},
        ),
    ),
    "ListPipelineExecutionSteps": list_operation(
        "ListPipelineExecutionSteps",
        Listing(
            "PipelineExecutionStep",
            "StepName",
            descending=True,
            find=_steps,
            filters={"PipelineExecutionArn": _chosen},
        ),
    ),
    "DescribeTrainingJob": _describe_job("TrainingJob"),
    "ListTrainingJobs": _list_jobs("TrainingJob"),
    "DescribeProcessingJob": _describe_job("ProcessingJob"),
    "ListProcessingJobs": _list_jobs("ProcessingJob"),
    "DescribeHyperParameterTuningJob": _describe_job("HyperParameterTuningJob"),
    "ListHyperParameterTuningJobs": list_operation(
        "ListHyperParameterTuningJobs",
        Listing(
            "HyperParameterTuningJob",
            "HyperParameterTuningJobName",
            status="HyperParameterTuningJobStatus",
            sort="Name",
            find=_tuning_jobs,
        ),
    ),
    "ListTrainingJobsForHyperParameterTuningJob": list_operation(
        "ListTrainingJobsForHyperParameterTuningJob",
        Listing(
            "TrainingJob",
            "TrainingJobName",
            status="TrainingJobStatus",
            sort="Name",
            find=_trials,
            filters={"HyperParameterTuningJobName": _chosen},
        ),
    ),
}
