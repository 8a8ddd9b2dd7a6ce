"""A project in an account, as the answers that AWS gives about it, one call after the other."""

from dataclasses import dataclass, field
from typing import Any

from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, NOW, REGION, Cloud

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/dog-breeds/1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/dog-breeds-serving"
RUN = f"{PREFIX}:pipeline/dog-breeds/execution/abcdefghijkl"
JOB = "pipelines-abcdefghijkl-Train-1"
TARGET = "endpoint/dog-breeds-production/variant/AllTraffic"
OURS = {"project": "dog-breeds"}
SAGEMAKER, S3 = "sagemaker", "s3"


@dataclass
class Account:
    """What there is of dog-breeds, and of its neighbours, by name."""

    runs: list[str] = field(default_factory=list)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)  # its job's tags
    scaling: bool = False
    endpoints: list[str] = field(default_factory=list)
    configurations: dict[str, str] = field(default_factory=dict)  # whose endpoint it is for
    models: dict[str, str] = field(default_factory=dict)  # its role
    pipelines: list[str] = field(default_factory=list)
    stack: dict[str, str] | None = None
    group: dict[str, str] | None = None
    versions: list[str] = field(default_factory=list)
    bucket: dict[str, str] | None = None


def everything() -> Account:
    return Account(
        runs=[RUN],
        kept={JOB: OURS},
        scaling=True,
        endpoints=["dog-breeds-staging", "dog-breeds-production"],
        configurations={"dog-breeds--7-1": "dog-breeds-staging"},
        models={"dog-breeds--7-2": ROLE},
        pipelines=["dog-breeds"],
        stack={"Project": "dog-breeds"},
        group=OURS,
        versions=["7"],
        bucket=OURS,
    )


class Looks:
    """Makes a cloud expect a look at an account, in the order in which it is taken."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def watch(self) -> None:
        """Write down what is sent, of all services in one order."""
        for service in (SAGEMAKER, S3, "application-autoscaling", "cloudformation"):
            client = self.cloud.aws.client(service)
            client.meta.events.register("provide-client-params", self._note)

    def _note(self, params: dict[str, Any], model: Any, **_others: Any) -> None:
        self.sent.append((model.name, params))

    def changes(self) -> list[tuple[str, Any]]:
        """What changed something: the operations, each with what it named."""
        looks = ("Describe", "List", "Head", "Get")
        named = ("RequestToken", "ClientRequestToken", "ServiceNamespace", "ScalableDimension")
        return [
            (name, next(value for key, value in params.items() if key not in named))
            for name, params in self.sent
            if not name.startswith(looks)
        ]

    def expect(
        self,
        there: Account,
        *,
        registry: bool = False,
        bucket: bool = False,
        may_see_runs: bool = True,
    ) -> None:
        self._runs(there, may_see_runs)
        self._endpoints(there)
        self._named(there)
        self._stack(there)
        self._registry(there, registry)
        self._bucket(there, bucket)

    def _runs(self, there: Account, may_see: bool) -> None:
        runs = [
            {"PipelineExecutionArn": arn, "PipelineExecutionStatus": "Executing"}
            for arn in there.runs
        ]
        done = {"PipelineExecutionArn": f"{RUN[:-1]}0", "PipelineExecutionStatus": "Succeeded"}
        answer = {"PipelineExecutionSummaries": [done, *runs]}
        if may_see:
            self.cloud.expect(SAGEMAKER, "list_pipeline_executions", answer)
            self.gone("list_pipeline_executions")
        else:
            denied = "AccessDeniedException"
            self.cloud.refuse(SAGEMAKER, "list_pipeline_executions", denied, "you may not")
        jobs = [summary("TrainingJob", name) for name in there.kept]
        for one in jobs:
            one |= {"TrainingJobStatus": "Completed"}
        self.cloud.expect(
            SAGEMAKER,
            "list_training_jobs",
            {"TrainingJobSummaries": jobs},
            {"WarmPoolStatusEquals": "Available"},
        )
        for tags in there.kept.values():
            self.tags(tags)
        found = [scalable()] if there.scaling else []
        answer = {"ScalableTargets": found}
        self.cloud.expect("application-autoscaling", "describe_scalable_targets", answer)

    def _endpoints(self, there: Account) -> None:
        endpoints = [summary("Endpoint", name) for name in there.endpoints]
        for one in endpoints:
            one |= {"EndpointStatus": "InService", "LastModifiedTime": NOW}
        self.cloud.expect(SAGEMAKER, "list_endpoints", {"Endpoints": endpoints})

    def _named(self, there: Account) -> None:
        configs = [summary("EndpointConfig", name) for name in there.configurations]
        self.cloud.expect(SAGEMAKER, "list_endpoint_configs", {"EndpointConfigs": configs})
        for name, endpoint in there.configurations.items():
            if name.startswith("dog-breeds--"):
                self.tags({"endpoint": endpoint})
        models = [summary("Model", name) for name in there.models]
        self.cloud.expect(SAGEMAKER, "list_models", {"Models": models})
        for name, role in there.models.items():
            if name.startswith("dog-breeds--"):
                self.cloud.expect(
                    SAGEMAKER, "describe_model", summary("Model", name) | {"ExecutionRoleArn": role}
                )
        for name in ("dog-breeds", "dog-breeds--monitor"):
            if name in there.pipelines:
                self.cloud.expect(SAGEMAKER, "describe_pipeline", {"PipelineName": name})
            else:
                self.gone("describe_pipeline")

    def _stack(self, there: Account) -> None:
        if there.stack is None:
            message = "Stack with id dog-breeds does not exist"
            self.cloud.refuse("cloudformation", "describe_stacks", "ValidationError", message)
            return
        self.stack("CREATE_COMPLETE", there.stack)

    def stack(self, status: str, parameters: dict[str, str]) -> None:
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        found = {
            "StackId": STACK,
            "StackName": "dog-breeds",
            "CreationTime": NOW,
            "StackStatus": status,
            "Parameters": given,
        }
        self.cloud.expect("cloudformation", "describe_stacks", {"Stacks": [found]})

    def _registry(self, there: Account, is_asked: bool) -> None:
        if there.group is None:
            self.gone("describe_model_package_group")
            return
        arn = f"{PREFIX}:model-package-group/dog-breeds"
        answer = {
            "ModelPackageGroupName": "dog-breeds",
            "ModelPackageGroupArn": arn,
            "CreationTime": NOW,
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        self.cloud.expect(SAGEMAKER, "describe_model_package_group", answer)
        if is_asked:
            self.tags(there.group)
        if is_asked and there.group == OURS:
            versions = [
                {
                    "ModelPackageArn": f"{PREFIX}:model-package/dog-breeds/{number}",
                    "CreationTime": NOW,
                    "ModelPackageStatus": "Completed",
                }
                for number in there.versions
            ]
            answer = {"ModelPackageSummaryList": versions}
            self.cloud.expect(SAGEMAKER, "list_model_packages", answer)

    def _bucket(self, there: Account, is_asked: bool) -> None:
        if there.bucket is None:
            self.cloud.refuse(S3, "head_bucket", "404", "Not Found", 404)
            return
        owner = {"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT}
        self.cloud.expect(S3, "head_bucket", {}, owner)
        if is_asked and there.bucket:
            tags = [{"Key": key, "Value": value} for key, value in there.bucket.items()]
            self.cloud.expect(S3, "get_bucket_tagging", {"TagSet": tags}, owner)
        elif is_asked:
            self.cloud.refuse(S3, "get_bucket_tagging", "NoSuchTagSet")

    def tags(self, tags: dict[str, str]) -> None:
        found = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.cloud.expect(SAGEMAKER, "list_tags", {"Tags": found})

    def gone(self, operation: str, service: str = SAGEMAKER) -> None:
        self.cloud.refuse(service, operation, "ResourceNotFound", "it does not exist.")

    def machine(self, status: str) -> None:
        """The machine that was kept for the next training, as its job tells."""
        answer = summary("TrainingJob", JOB) | {
            "WarmPoolStatus": {"Status": status},
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "StoppingCondition": {},
        }
        self.cloud.expect(SAGEMAKER, "describe_training_job", answer, {"TrainingJobName": JOB})

    def endpoint(self, name: str, status: str) -> None:
        answer = summary("Endpoint", name) | {
            "EndpointStatus": status,
            "LastModifiedTime": NOW,
        }
        self.cloud.expect(SAGEMAKER, "describe_endpoint", answer, {"EndpointName": name})


def summary(kind: str, name: str) -> dict[str, Any]:
    others = {"EndpointConfig": "endpoint-config", "TrainingJob": "training-job"}
    path = others.get(kind, kind.lower())
    return {f"{kind}Name": name, f"{kind}Arn": f"{PREFIX}:{path}/{name}", "CreationTime": NOW}


def scalable() -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": TARGET,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 2,
        "MaxCapacity": 4,
        "RoleARN": ROLE,
        "CreationTime": NOW,
    }
