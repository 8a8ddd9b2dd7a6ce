"""SageMaker and Application Auto Scaling as stubs, and what they say of one deployment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from production_endpoint import Clients
from tests.lambda_code.deploy_support import GROUP, PREFIX, PRODUCTION, ROLE

MOMENT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
PACKAGE = f"{PREFIX}:model-package/{GROUP}/2"
FIRST = f"{PREFIX}:model-package/{GROUP}/1"
ARN = f"{PREFIX}:endpoint/{PRODUCTION}"
CONFIG = "dogs--2-261121100000000-712a05"
OLD = "dogs--1-261120100000000-000000"
SCALING = {"min_instances": 2, "max_instances": 4, "invocations_per_instance": 300}
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"endpoint/{PRODUCTION}/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
APPROVAL = {
    "detail-type": "SageMaker Model Package State Change",
    "time": "2026-11-21T10:00:00Z",
    "detail": {
        "ModelPackageGroupName": GROUP,
        "ModelPackageArn": PACKAGE,
        "ModelApprovalStatus": "Approved",
        "UpdatedModelPackageFields": ["ModelApprovalStatus"],
        "LastModifiedTime": "2026-11-21T10:00:00Z",
    },
}
AT_REST = {
    "detail-type": "SageMaker Endpoint State Change",
    "detail": {"EndpointName": PRODUCTION, "EndpointStatus": "IN_SERVICE"},
}
DEPLOYMENT_CONFIG = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "WaitIntervalInSeconds": 300,
        },
        "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 4200,
    },
    "AutoRollbackConfiguration": {
        "Alarms": [
            {"AlarmName": "dogs-production-errors"},
            {"AlarmName": "dogs-production-latency"},
        ]
    },
}


class Aws:
    """SageMaker and Application Auto Scaling as stubs: each request is expected in its turn."""

    def __init__(self) -> None:
        access = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.sagemaker = boto3.client("sagemaker", "us-east-1", **access)
        self.scaling = boto3.client("application-autoscaling", "us-east-1", **access)
        self.asked = Stubber(self.sagemaker)
        self.scaled = Stubber(self.scaling)
        self.slept: list[float] = []

    def clients(self) -> Clients:
        return Clients(self.sagemaker, lambda: self.scaling, self.slept.append)

    def approved(self, package: str = PACKAGE, status: str = "Approved") -> None:
        answer = {
            "ModelPackageName": GROUP,
            "ModelPackageArn": package,
            "CreationTime": MOMENT,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": status,
        }
        self.asked.add_response("describe_model_package", answer, {"ModelPackageName": package})

    def remembered(self) -> None:
        """The model and the configuration of the decision."""
        model = {
            "ModelName": ANY,
            "PrimaryContainer": {"ModelPackageName": PACKAGE},
            "ExecutionRoleArn": ROLE,
            "Tags": tag_list({"model-package-arn": PACKAGE}),
        }
        self.asked.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"}, model)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": ANY,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
        }
        config = {
            "EndpointConfigName": CONFIG,
            "ProductionVariants": [variant],
            "DataCaptureConfig": {
                "EnableCapture": True,
                "InitialSamplingPercentage": 10,
                "DestinationS3Uri": "s3://b/capture/dogs-production",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": {
                    "JsonContentTypes": ["application/json"],
                    "CsvContentTypes": ["text/csv"],
                },
            },
            "Tags": tag_list(config_tags(PACKAGE)),
        }
        answer = {"EndpointConfigArn": config_arn(CONFIG)}
        self.asked.add_response("create_endpoint_config", answer, config)

    def endpoint(self, status: str = "InService", config: str = OLD, **more: Any) -> None:
        answer = {
            "EndpointName": PRODUCTION,
            "EndpointArn": ARN,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "CreationTime": MOMENT,
            "LastModifiedTime": MOMENT,
            **more,
        }
        self.asked.add_response("describe_endpoint", answer, {"EndpointName": PRODUCTION})

    def no_endpoint(self) -> None:
        message = f'Could not find endpoint "{ARN}".'
        self.asked.add_client_error("describe_endpoint", "ValidationException", message)

    def tags(self, arn: str, tags: dict[str, str]) -> None:
        self.asked.add_response("list_tags", {"Tags": tag_list(tags)}, {"ResourceArn": arn})

    def config(self, name: str, package: str, kind: str = "ml.m5.large") -> None:
        """A configuration is described, and its tags are read."""
        self.described(name, kind)
        self.tags(config_arn(name), config_tags(package))

    def described(self, name: str, kind: str = "ml.m5.large") -> None:
        answer = {
            "EndpointConfigName": name,
            "EndpointConfigArn": config_arn(name),
            "CreationTime": MOMENT,
            "ProductionVariants": [{"VariantName": "AllTraffic", "InstanceType": kind}],
        }
        self.asked.add_response("describe_endpoint_config", answer, {"EndpointConfigName": name})

    def listed(self, *names: str) -> None:
        request = {
            "NameContains": f"{GROUP}--",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": 100,
        }
        found = [
            {
                "EndpointConfigName": name,
                "EndpointConfigArn": config_arn(name),
                "CreationTime": MOMENT,
            }
            for name in names
        ]
        self.asked.add_response("list_endpoint_configs", {"EndpointConfigs": found}, request)

    def updated(self, **more: Any) -> None:
        request = {
            "EndpointName": PRODUCTION,
            "EndpointConfigName": CONFIG,
            "DeploymentConfig": DEPLOYMENT_CONFIG,
            **more,
        }
        self.asked.add_response("update_endpoint", {"EndpointArn": ARN}, request)

    def noted(self) -> None:
        note = {"last-deployment": CONFIG, "last-deployment-over": OLD}
        request = {"ResourceArn": ARN, "Tags": tag_list(note)}
        self.asked.add_response("add_tags", {"Tags": []}, request)

    def created(self, over: str) -> None:
        note = {"last-deployment": CONFIG, "last-deployment-over": over}
        request = {
            "EndpointName": PRODUCTION,
            "EndpointConfigName": CONFIG,
            "Tags": tag_list(note),
        }
        self.asked.add_response("create_endpoint", {"EndpointArn": ARN}, request)

    def over_an_old_version(self, kind: str = "ml.m5.large", status: str = "InService") -> None:
        """All that is asked before an update from version 1 to 2."""
        self.approved()
        self.remembered()
        self.endpoint(status)
        self.tags(ARN, {})
        self.config(OLD, FIRST, kind)
        self.listed("dogs--2-0123456789ab", CONFIG, OLD)  # the first one is a pipeline's own
        self.tags(config_arn(CONFIG), config_tags(PACKAGE))
        self.approved()
        self.remembered()
        self.endpoint(status)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def config_arn(name: str) -> str:
    return f"{PREFIX}:endpoint-config/{name}"


def config_tags(package: str) -> dict[str, str]:
    days = 2 - int(package[-1])
    moment = (MOMENT - timedelta(days=days)).isoformat()
    return {
        "endpoint": PRODUCTION,
        "model-package-arn": package,
        "decided-at": moment,
        "stands-for": moment,
    }
