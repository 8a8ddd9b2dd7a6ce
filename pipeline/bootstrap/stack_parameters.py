"""Turn settings into the request for the CloudFormation stack under the pipeline."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from pipeline.addresses import split_uri
from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsAccessError, error_code, explained, is_denied
from pipeline.bootstrap.stack import StackState
from pipeline.errors import UsageError
from pipeline.settings.lambda_environment import deployment_json
from pipeline.settings.model import Settings
from pipeline.settings.notify import MOST_EMAILS

# Parameters of the template that no setting gives: they keep their value unless one is given.
FREE_PARAMETERS = (
    "RepositoryUrl",
    "RepositoryBranch",
    "ConnectionArn",
    "LogRetentionDays",
    "RunsExpireDays",
    "AlarmEmail",
    "MinimumRequests",
    "MaximumErrorRate",
    "MaximumLatencyMicroseconds",
)
_CAPTURE_DAYS = 90  # that captured requests are kept where nothing looks at them
_GROUP_LENGTH = (
    38  # names of endpoint configurations (at most 63): {group}--{version}-{time}-{hash}
)
# Of the bucket, by the jobs.
_READ_ANYWAY = ("data/", "datasets/", "weights/", "decisions/", "runs/")
_ABSENT = ("404", "NoSuchBucket", "NotFound")
_ECR_IMAGE = re.compile(
    r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)[:@].+"
)


@dataclass(frozen=True)
class Foundation:
    """What the stack is made from; `environment` is the one that the build upserts.

    `free` are values of FREE_PARAMETERS. Raises UsageError for one that is not, and for names
    that roles cannot be limited to.
    """

    settings: Settings
    environment: str
    free: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.free) - set(FREE_PARAMETERS)):
            known = ", ".join(FREE_PARAMETERS)
            raise UsageError(f"--parameter {unknown[0]}: must be one of {known}")
        _check_names(self.settings)


def stack_parameters(aws: Aws, wanted: Foundation, now: StackState | None) -> dict[str, str | None]:
    """Return the parameters of the stack that is `now`; a bucket or group that exists stays as is.

    None keeps what was given before. Raises UsageError when the bucket's name is another
    account's, AwsError.
    """
    settings = wanted.settings
    before = now.parameters if now else {}
    return {
        **names_of(wanted),
        "CreateBucket": _is_ours(
            before, "Bucket", "BucketName", settings.bucket, lambda: _bucket_exists(aws, settings)
        ),
        "CreateModelPackageGroup": _is_ours(
            before,
            "ModelPackageGroup",
            "ModelPackageGroupName",
            settings.model_package_group,
            lambda: _group_exists(aws, settings.model_package_group),
        ),
        **{name: wanted.free.get(name) for name in FREE_PARAMETERS},
    }


def tags_of(settings: Settings) -> dict[str, str]:
    """Return the tags of the stack, which all that it makes gets."""
    return {"project": settings.project, **settings.aws.tags}


def names_of(wanted: Foundation) -> dict[str, str]:
    """Return the template's parameters that follow from the settings alone."""
    settings = wanted.settings
    return {
        "Project": settings.project,
        "BucketName": settings.bucket,
        "ModelPackageGroupName": settings.model_package_group,
        "ApprovalStatus": settings.registry.approval_status,
        "PipelineRoleArn": settings.aws.role_arn or "",
        "JobsRoleArn": settings.given_jobs_role or "",
        "ServingRoleArn": settings.given_serving_role or "",
        "LambdaRoleArn": settings.aws.lambda_role_arn or "",
        "LambdaName": settings.lambda_name,
        "ChampionLambdaName": settings.champion_lambda_name,
        "StagingEndpointName": settings.endpoint_name,
        "StagingExpireHours": str(settings.deploy.staging.expire_hours or 0),
        "ProductionEndpointName": settings.production_endpoint_name,
        "ProductionDeployment": deployment_json(settings),
        **_monitoring(settings),
        **_notifying(settings),
        **_network(settings),
        **_keys(settings),
        "ExtraReadArns": ",".join(_read_elsewhere(settings)),
        "ServingImageArn": _repository_arn(settings),
        "BuildEnvironment": wanted.environment,
    }


def _monitoring(settings: Settings) -> dict[str, str]:
    """Return what the template is told of monitoring: its defaults while that is off."""
    monitor = settings.monitor
    if not monitor.enabled:
        return {
            "MonitorSchedule": "",
            "MonitorRetrains": "false",
            "CaptureExpireDays": str(_CAPTURE_DAYS),
        }
    return {
        "MonitorSchedule": monitor.schedule,
        "MonitorRetrains": "true" if monitor.retrain else "false",
        "CaptureExpireDays": str(monitor.keep_days),
    }


def _notifying(settings: Settings) -> dict[str, str]:
    """Return who is told; the list has a place for each address, as a template counts no items."""
    notify = settings.notify
    places = [*notify.emails, *["-"] * MOST_EMAILS][:MOST_EMAILS]
    return {
        "NotifyEmails": ",".join(places),
        "NotifyWebhook": notify.webhook or "",
        "NotifyTopicArn": notify.topic_arn or "",
    }


def _network(settings: Settings) -> dict[str, str]:
    """Return the VPC of the functions, and what roles may make interfaces of; empty without one."""
    network = settings.network
    start = f"arn:{settings.partition}:ec2:{settings.aws.region}"
    # Another account may share its subnets and groups with this one.
    arns = [
        *(f"{start}:*:subnet/{one}" for one in network.subnet_ids),
        *(f"{start}:*:security-group/{one}" for one in network.security_groups),
        f"{start}:{settings.aws.account_id}:network-interface/*",
    ]
    return {
        "SubnetIds": ",".join(network.subnet_ids),
        "SecurityGroupIds": ",".join(network.security_groups),
        "NetworkArns": ",".join(arns) if network.subnets else "",
    }


def _keys(settings: Settings) -> dict[str, str]:
    encryption = settings.encryption
    return {
        "DataKeyArns": ",".join(encryption.keys_of("bucket", "outputs", "capture")),
        "BucketKeyArn": encryption.key_of("bucket") or "",
        "VolumeKeyArn": encryption.key_of("volumes") or "",
        "QueueKeyArn": encryption.key_of("queue") or "",
        "LogsKeyArn": encryption.key_of("logs") or "",
        "FunctionsKeyArn": encryption.key_of("functions") or "",
    }


def _check_names(settings: Settings) -> None:
    """Raise UsageError for names that roles cannot be limited to.

    IAM compares names letter by letter, and SageMaker writes some in lower case into ARNs.
    """
    group = settings.model_package_group
    names = {
        "registry.group": group,
        "deploy.endpoint_name": settings.endpoint_name,
        "deploy.production.endpoint_name": settings.production_endpoint_name,
    }
    for key, name in names.items():
        if name != name.lower():
            raise UsageError(f"{key}: {name}: use lower case, so that roles can be limited to it")
    if "--" in group:
        raise UsageError(
            f"registry.group: {group}: use single -, so that roles can be limited to it"
        )
    if len(group) > _GROUP_LENGTH:
        raise UsageError(f"registry.group: {group}: at most {_GROUP_LENGTH} characters")


def _read_elsewhere(settings: Settings) -> Iterator[str]:
    """Yield the ARNs of inputs that lie elsewhere than jobs may read anyway."""
    given = settings.data_uri, settings.backbone.weights, settings.data.decisions or ""
    for uri in dict.fromkeys(given):
        bucket, key = split_uri(uri) if uri.startswith("s3://") else (settings.bucket, "data/")
        if bucket != settings.bucket:
            yield f"arn:{settings.partition}:s3:::{bucket}"
        if bucket != settings.bucket or not key.startswith(_READ_ANYWAY):
            yield f"arn:{settings.partition}:s3:::{bucket}/{key}*"


def _repository_arn(settings: Settings) -> str:
    """Return the ARN of serving.image's repository; empty without one, or for one not in ECR."""
    found = _ECR_IMAGE.fullmatch(settings.serving.image or "")
    if found is None:
        return ""
    account, region, name = found.groups()
    return f"arn:{settings.partition}:ecr:{region}:{account}:repository/{name}"


def _is_ours(
    before: Mapping[str, str], what: str, name_key: str, name: str, exists: Callable[[], bool]
) -> str:
    """Return "true" when the stack makes it: as decided for this name, else unless it exists."""
    if before.get(name_key) == name:
        return before[f"Create{what}"]
    return "false" if exists() else "true"


def _bucket_exists(aws: Aws, settings: Settings) -> bool:
    bucket = settings.bucket
    try:
        with explained(f"looking for the bucket {bucket}"):
            return _exists(
                aws.client("s3").head_bucket,
                Bucket=bucket,
                ExpectedBucketOwner=settings.aws.account_id,
            )
    except AwsAccessError as error:
        if not isinstance(error.__cause__, ClientError) or not is_denied(error.__cause__):
            raise
        raise AwsAccessError(
            f"the bucket {bucket} is another account's, or these credentials lack s3:ListBucket: "
            "set aws.bucket to another name"
        ) from error


def _group_exists(aws: Aws, name: str) -> bool:
    with explained(f"looking for the model package group {name}"):
        return _exists(
            aws.client("sagemaker").describe_model_package_group, ModelPackageGroupName=name
        )


def _exists(describe: Callable[..., Any], **request: str) -> bool:
    try:
        describe(**request)
    except ClientError as error:
        if error_code(error) in _ABSENT or "does not exist" in str(error):
            return False
        raise
    return True
