"""Look at what a project has in an account: by its exact names and its own tags, nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsAccessError, AwsError, error_code, explained
from pipeline.bootstrap.stack import Stack
from pipeline.settings.model import Settings
from pipeline.teardown.documents import Found, Thing, Unseen

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
RUNNING = ("Executing", "Stopping")
KEPT = "Available"  # of a training job's machine that waits for the next one
_GONE = ("could not find", "does not exist", "not found")
_GONE_CODES = ("ResourceNotFound", "NoSuchBucket", "ObjectNotFoundException", "404", "NotFound")
_HOURLY = "by the hour"
_GROUP_LENGTH = 38  # of a group in the names that lambda_code/deployment_history.py makes


@dataclass(frozen=True)
class Project:
    """The settings of a project, and whether its registry and its bucket go as well."""

    settings: Settings
    registry: bool = False
    bucket: bool = False

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that upserts make."""
        return self.settings.project, self.settings.monitor_pipeline

    def has_endpoint(self, name: str) -> bool:
        """Check whether an endpoint is the project's: no other project's name has two dashes."""
        exact = (self.settings.endpoint_name, self.settings.production_endpoint_name)
        return name in exact or name.startswith(f"{self.settings.project}--")

    @property
    def start(self) -> str:
        """How the names of its configurations and models begin."""
        return f"{self.settings.model_package_group[:_GROUP_LENGTH]}--"


def look(aws: Aws, project: Project) -> Found:
    """Return what the project has, in the order in which it can go."""
    found: list[Thing] = []
    unseen: list[Unseen] = []
    for what, looker in _LOOKERS:
        try:
            with explained(f"looking for {what}"):
                found += looker(aws, project)
        except (AwsError, AwsAccessError) as error:
            unseen.append(Unseen(what, str(error)))
    return Found(tuple(found), tuple(unseen))


def is_gone(error: Exception) -> bool:
    """Check whether AWS says that what was asked about, or was to go, is not there."""
    if not isinstance(error, ClientError):
        return False
    message = str(error.response["Error"].get("Message", "")).lower()
    return error_code(error) in _GONE_CODES or any(words in message for words in _GONE)


def answer_of(ask: Callable[..., Any], **request: Any) -> dict[str, Any] | None:
    """Return what AWS answers; None about what is not there."""
    try:
        answer: dict[str, Any] = ask(**request)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return answer


def _runs(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    for name in project.pipelines:
        pages = client.get_paginator("list_pipeline_executions").paginate(PipelineName=name)
        for run in _listed(pages, "PipelineExecutionSummaries"):
            if run.get("PipelineExecutionStatus") in RUNNING:
                arn = run["PipelineExecutionArn"]
                yield Thing("run", f"{name}/{arn.rpartition('/')[2]}", _HOURLY, arn=arn)


def _kept_machines(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    pages = client.get_paginator("list_training_jobs").paginate(WarmPoolStatusEquals=KEPT)
    for job in _listed(pages, "TrainingJobSummaries"):
        if _is_tagged(_tags(client, job["TrainingJobArn"]), project):
            yield Thing("kept machine", job["TrainingJobName"], _HOURLY)


def _scaling(aws: Aws, project: Project) -> Iterator[Thing]:
    name = f"endpoint/{project.settings.production_endpoint_name}/variant/AllTraffic"
    answer = aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[name], ScalableDimension=DIMENSION
    )
    yield from (Thing("scaling", one["ResourceId"]) for one in answer["ScalableTargets"])


def _endpoints(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    pages = client.get_paginator("list_endpoints").paginate()
    for endpoint in _listed(pages, "Endpoints"):
        if project.has_endpoint(endpoint["EndpointName"]):
            yield Thing("endpoint", endpoint["EndpointName"], _HOURLY)


def _configurations(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    kept = "" if project.registry else "says where a version served; --registry deletes it"
    pages = client.get_paginator("list_endpoint_configs").paginate(NameContains=project.start)
    for config in _listed(pages, "EndpointConfigs"):
        name = config["EndpointConfigName"]
        # Several projects may have one group: the tag says whose endpoint it was made for.
        if name.startswith(project.start) and project.has_endpoint(
            _tags(client, config["EndpointConfigArn"]).get("endpoint", "")
        ):
            yield Thing("configuration", name, kept=kept)


def _models(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    pages = client.get_paginator("list_models").paginate(NameContains=project.start)
    for model in _listed(pages, "Models"):
        name = model["ModelName"]
        if name.startswith(project.start):
            known = answer_of(client.describe_model, ModelName=name) or {}
            if known.get("ExecutionRoleArn") == project.settings.serving_role_arn:
                yield Thing("model", name)


def _pipelines(aws: Aws, project: Project) -> Iterator[Thing]:
    client = aws.client("sagemaker")
    for name in project.pipelines:
        if answer_of(client.describe_pipeline, PipelineName=name):
            yield Thing("pipeline", name)


def _stack(aws: Aws, project: Project) -> Iterator[Thing]:
    name = project.settings.project
    state = Stack(aws.client("cloudformation"), name).state()
    if state is None or state.status == "DELETE_COMPLETE":
        return
    other = state.parameters.get("Project") != name
    kept = "it was not made by python -m pipeline.bootstrap" if other else ""
    costs = "" if other else "images, logs and alarms, by the month"
    yield Thing("stack", name, costs, kept, state.stack_id)


def _registry(aws: Aws, project: Project) -> Iterator[Thing]:
    client, name = aws.client("sagemaker"), project.settings.model_package_group
    group = answer_of(client.describe_model_package_group, ModelPackageGroupName=name)
    if group is None:
        return
    thing = Thing("group", name, arn=group["ModelPackageGroupArn"])
    if not project.registry:
        yield replace(thing, kept="--registry deletes it")
    elif not _is_tagged(_tags(client, thing.arn), project):
        yield replace(thing, kept=_not_tagged(project))
    else:
        pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name)
        for version in _listed(pages, "ModelPackageSummaryList"):
            arn = version["ModelPackageArn"]
            yield Thing("version", arn.rpartition("model-package/")[2], arn=arn)
        yield thing


def _bucket(aws: Aws, project: Project) -> Iterator[Thing]:
    client, name = aws.client("s3"), project.settings.bucket
    owner = {"Bucket": name, "ExpectedBucketOwner": project.settings.aws.account_id}
    if answer_of(client.head_bucket, **owner) is None:
        return
    thing = Thing("bucket", name, "what lies in it, by the month")
    if not project.bucket:
        yield replace(thing, kept="--bucket deletes it")
        return
    try:
        tags = {one["Key"]: one["Value"] for one in client.get_bucket_tagging(**owner)["TagSet"]}
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        tags = {}
    yield thing if _is_tagged(tags, project) else replace(thing, kept=_not_tagged(project))


_LOOKERS: tuple[tuple[str, Callable[[Aws, Project], Iterator[Thing]]], ...] = (
    ("runs", _runs),
    ("machines kept for the next training", _kept_machines),
    ("autoscaling", _scaling),
    ("endpoints", _endpoints),
    ("endpoint configurations", _configurations),
    ("models", _models),
    ("pipelines", _pipelines),
    ("the stack", _stack),
    ("the model registry", _registry),
    ("the bucket", _bucket),
)


def _listed(pages: Any, member: str) -> Iterator[dict[str, Any]]:
    """Yield what a paginated listing holds; nothing of what is not there."""
    try:
        for page in pages:
            yield from page[member]
    except ClientError as error:
        if not is_gone(error):
            raise


def _tags(client: Any, arn: str) -> dict[str, str]:
    answer = answer_of(client.list_tags, ResourceArn=arn) or {"Tags": []}
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def _is_tagged(tags: dict[str, str], project: Project) -> bool:
    return tags.get("project") == project.settings.project


def _not_tagged(project: Project) -> str:
    return f"bootstrap did not make it: it has no tag project={project.settings.project}"
