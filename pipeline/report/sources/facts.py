"""Read what SageMaker's API says of one execution, once for all sections of the report."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.aws.steps import job_of, origin_of
from pipeline.comparing.chosen import Chosen, read_chosen
from pipeline.definition.steps import written_steps
from pipeline.errors import UsageError
from pipeline.job_scripts.searched import trained_with
from pipeline.report.sources.source import Absent, Source

Description = Mapping[str, Any]
PREPARE = "Prepare"
"""The step that writes the data set."""
EXTRACT_FEATURES = "ExtractFeatures"
"""The step that passes the backbone over the pictures, and reviews them."""
TRAIN = "Train"
"""The step of the final training."""
EVALUATE = "Evaluate"
"""The step that tests the model."""


def utc(time: datetime | None) -> datetime | None:
    """Convert a time to UTC: boto3 gives it in this machine's time zone."""
    return time.astimezone(UTC) if time else None


_DESCRIBE = {
    "ProcessingJob": ("describe_processing_job", "ProcessingJobName"),
    "TrainingJob": ("describe_training_job", "TrainingJobName"),
    "TuningJob": ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "RegisterModel": ("describe_model_package", "ModelPackageName"),
}
_HOPS = 5  # executions that a cached step is traced back through


@dataclass(frozen=True)
class Facts:
    """An execution: its Describe answer, definition, parameters, steps and their jobs.

    By step name: `summaries`, what ListPipelineExecutionSteps lists (the newest try of a retried
    step), and `jobs`, the Describe answers of what the steps ran.
    """

    execution: Description
    definition: Description
    parameters: Mapping[str, str]
    summaries: Mapping[str, Description]
    jobs: Mapping[str, Description]

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return str(self.execution["PipelineExecutionArn"])

    @property
    def id(self) -> str:
        """The execution's id: the end of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def pipeline(self) -> str:
        """The name of its pipeline."""
        return self.arn.partition(":pipeline/")[2].partition("/")[0]

    @property
    def chosen(self) -> Chosen:
        """What the run was made with; what the tuner chose only if the training's job is here."""
        jobs = [job for job in self.jobs.values() if "TrainingJobName" in job]
        trained = trained_with(jobs[0]) if jobs else None
        return read_chosen(self.definition, self.parameters, trained)

    def job(self, step: str) -> Description:
        """Return a step's job. Raises Absent when it ran none."""
        if step in self.jobs:
            return self.jobs[step]
        raise Absent(self._why_no_job(step))

    def job_of_kind(self, kind: str) -> tuple[str, Description]:
        """Return (step, job) of the first job of a kind: "TrainingJob", .... Raises Absent."""
        name = f"HyperParameter{kind}Name" if kind == "TuningJob" else f"{kind}Name"
        for step, job in self.jobs.items():
            if name in job:
                return step, job
        type_ = kind.removesuffix("Job")
        steps = [step.name for step in written_steps(self.definition) if step.type == type_]
        raise Absent(self._why_no_job(steps[0]) if steps else f"the pipeline has no {kind}")

    def output(self, step: str, name: str) -> str:
        """Return the S3 address of a processing step's output. Raises Absent.

        Prepare's, where it extracts the features as well.
        """
        if step == EXTRACT_FEATURES and self._prepare_extracts():
            step = PREPARE
        job = self.job(step)
        if job.get("ProcessingJobStatus") != "Completed":
            raise Absent(f"step {step} did not complete ({job.get('ProcessingJobStatus')})")
        for output in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
            if output["OutputName"] == name:
                return str(output["S3Output"]["S3Uri"]).rstrip("/")
        raise Absent(f"step {step} has no output {name}")

    def _prepare_extracts(self) -> bool:
        names = {one.name for one in written_steps(self.definition)}
        return PREPARE in names and EXTRACT_FEATURES not in names

    def _why_no_job(self, step: str) -> str:
        status = self.summaries.get(step, {}).get("StepStatus")
        return f"step {step} did not run" if status is None else f"step {step}: {status}"


def read_facts(source: Source, arn: str, steps: Collection[str] | None = None) -> Facts:
    """Read everything the API knows of an execution; of jobs only those of `steps`, if given.

    Raises UsageError when there is none.
    """
    client = source.sagemaker
    execution = _describe_execution(client, arn)
    answer = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    summaries = _summaries(client, arn)
    return Facts(
        execution=execution,
        definition=json.loads(answer["PipelineDefinition"]),
        parameters=_parameters(client, arn),
        summaries=summaries,
        jobs=_jobs(client, {n: s for n, s in summaries.items() if steps is None or n in steps}),
    )


def _describe_execution(client: Any, arn: str) -> Description:
    from botocore.exceptions import ClientError

    try:
        execution: Description = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("ResourceNotFound", "ValidationError"):
            raise UsageError(f"there is no run {arn}") from error
        raise
    return execution


def _summaries(client: Any, arn: str) -> dict[str, Description]:
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}


def _parameters(client: Any, arn: str) -> dict[str, str]:
    pages = client.get_paginator("list_pipeline_parameters_for_execution").paginate(
        PipelineExecutionArn=arn
    )
    return {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}


def _jobs(client: Any, summaries: Mapping[str, Description]) -> dict[str, Description]:
    found = {}
    for name, summary in summaries.items():
        job = _find_job(client, summary)
        if job and job[0] in _DESCRIBE:
            found[name] = _describe(client, *job)
    return {name: job for name, job in found.items() if job is not None}


def _find_job(client: Any, summary: Description) -> tuple[str, str] | None:
    """Return (kind, ARN) of a step's job; None when it ran none.

    A cached step that names no job has that of the execution it comes from.
    """
    for _ in range(_HOPS):
        job = job_of(summary)
        origin = origin_of(summary)
        if job or not origin:
            return job
        summary = _summaries(client, origin).get(summary["StepName"], {})
    return None


def _describe(client: Any, kind: str, arn: str) -> Description | None:
    from botocore.exceptions import ClientError

    operation, parameter = _DESCRIBE[kind]
    name = arn if kind == "RegisterModel" else arn.rpartition("/")[2]
    try:
        answer: Description = getattr(client, operation)(**{parameter: name})
    except ClientError:
        return None  # deleted, or not to be read with these credentials: its section says so
    return answer
