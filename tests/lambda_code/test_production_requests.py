"""What production's deployments ask of AWS, to the letter: nothing here answers by itself."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from deploy_endpoint import handle
from deployment_errors import DeployError
from deployment_inputs import Production
from endpoint_plan import Plan, Traffic, deployment_config
from production_endpoint import Clients
from tests.lambda_code.deploy_support import ENVIRONMENT, GROUP, HOW, PREFIX, PRODUCTION, ROLE

MOMENT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
PACKAGE = f"{PREFIX}:model-package/{GROUP}/2"
ARN = f"{PREFIX}:endpoint/{PRODUCTION}"
CONFIG = "dogs-2-261121100000000-5dec82"
OLD = "dogs-1-261120100000000-000000"
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

    def clients(self) -> Clients:
        return Clients(self.sagemaker, lambda: self.scaling, lambda _: None)

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
            "Tags": _tags({"model-package-arn": PACKAGE}),
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
            "Tags": _tags(_config_tags(PACKAGE)),
        }
        answer = {"EndpointConfigArn": _config_arn(CONFIG)}
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
        self.asked.add_response("list_tags", {"Tags": _tags(tags)}, {"ResourceArn": arn})

    def config(self, name: str, package: str, kind: str = "ml.m5.large") -> None:
        """A configuration is described, and its tags are read."""
        self.described(name, kind)
        self.tags(_config_arn(name), _config_tags(package))

    def described(self, name: str, kind: str = "ml.m5.large") -> None:
        answer = {
            "EndpointConfigName": name,
            "EndpointConfigArn": _config_arn(name),
            "CreationTime": MOMENT,
            "ProductionVariants": [{"VariantName": "AllTraffic", "InstanceType": kind}],
        }
        self.asked.add_response("describe_endpoint_config", answer, {"EndpointConfigName": name})

    def listed(self, *names: str) -> None:
        request = {
            "NameContains": GROUP,
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": 100,
        }
        found = [
            {
                "EndpointConfigName": name,
                "EndpointConfigArn": _config_arn(name),
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
        request = {"ResourceArn": ARN, "Tags": _tags(note)}
        self.asked.add_response("add_tags", {"Tags": []}, request)

    def over_an_old_version(self, kind: str = "ml.m5.large") -> None:
        """All that is asked before an update from version 1 to 2."""
        self.approved()
        self.remembered()
        self.endpoint()
        self.tags(ARN, {})
        self.config(OLD, PACKAGE.replace("/2", "/1"), kind)
        self.listed("dogs-2-0123456789ab", CONFIG, OLD)  # the first one is a pipeline's own
        self.tags(_config_arn(CONFIG), _config_tags(PACKAGE))
        self.approved()
        self.remembered()
        self.endpoint()


@pytest.fixture
def aws() -> Iterator[Aws]:
    stubs = Aws()
    with stubs.asked, stubs.scaled:
        yield stubs
        stubs.asked.assert_no_pending_responses()
        stubs.scaled.assert_no_pending_responses()


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _config_arn(name: str) -> str:
    return f"{PREFIX}:endpoint-config/{name}"


def _config_tags(package: str) -> dict[str, str]:
    days = 2 - int(package[-1])
    moment = (MOMENT - timedelta(days=days)).isoformat()
    return {
        "endpoint": PRODUCTION,
        "model-package-arn": package,
        "decided-at": moment,
        "stands-for": moment,
    }


def _environment(**changes: Any) -> dict[str, str]:
    return {**ENVIRONMENT, "DEPLOYMENT": json.dumps({**HOW, **changes})}


def test_an_update_is_blue_green_with_alarms_that_bring_it_back(aws: Aws) -> None:
    aws.over_an_old_version()
    aws.endpoint()
    aws.updated()
    aws.noted()
    answer = handle(APPROVAL, _environment(), aws.clients())
    assert answer == {
        "action": "updated",
        "reason": "dogs-2 is the newest decision that stands",
        "endpoint_name": PRODUCTION,
        "endpoint_config_name": CONFIG,
        "model_package_arn": PACKAGE,
    }


def test_a_first_deployment_has_no_deployment_config(aws: Aws) -> None:
    aws.approved()
    aws.remembered()
    aws.no_endpoint()
    aws.listed(CONFIG)
    aws.tags(_config_arn(CONFIG), _config_tags(PACKAGE))
    aws.approved()
    aws.remembered()
    aws.no_endpoint()
    aws.no_endpoint()
    note = {"last-deployment": CONFIG, "last-deployment-over": "-"}
    request = {
        "EndpointName": PRODUCTION,
        "EndpointConfigName": CONFIG,
        "Tags": _tags(note),
    }
    aws.asked.add_response("create_endpoint", {"EndpointArn": ARN}, request)
    assert handle(APPROVAL, _environment(), aws.clients())["action"] == "created"


def test_an_update_keeps_the_instances_that_autoscaling_came_to(aws: Aws) -> None:
    aws.over_an_old_version()
    aws.described(OLD)
    aws.endpoint()
    excluded = [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ]
    aws.updated(RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
    aws.noted()
    assert handle(APPROVAL, _environment(autoscaling=SCALING), aws.clients())["action"] == "updated"


def test_for_another_instance_type_autoscaling_is_taken_off_first(aws: Aws) -> None:
    aws.over_an_old_version("ml.c5.large")
    aws.described(OLD, "ml.c5.large")
    _known_target(aws)
    aws.scaled.add_response("deregister_scalable_target", {}, TARGET)
    aws.endpoint()
    aws.updated()
    aws.noted()
    assert handle(APPROVAL, _environment(autoscaling=SCALING), aws.clients())["action"] == "updated"


def _known_target(aws: Aws) -> None:
    moment = {**TARGET, "MinCapacity": 2, "MaxCapacity": 4, "RoleARN": ROLE, "CreationTime": MOMENT}
    request = {
        "ServiceNamespace": "sagemaker",
        "ResourceIds": [TARGET["ResourceId"]],
        "ScalableDimension": TARGET["ScalableDimension"],
    }
    aws.scaled.add_response("describe_scalable_targets", {"ScalableTargets": [moment]}, request)


def _is_settled(aws: Aws, status: str = "InService") -> None:
    aws.endpoint(status, CONFIG)
    aws.tags(ARN, {"last-deployment": CONFIG, "last-deployment-over": OLD})
    aws.config(CONFIG, PACKAGE)
    aws.listed(CONFIG, OLD)
    aws.tags(_config_arn(CONFIG), _config_tags(PACKAGE))
    aws.approved()


def test_in_service_it_is_scaled_by_invocations(aws: Aws) -> None:
    _is_settled(aws)
    target = {**TARGET, "MinCapacity": 2, "MaxCapacity": 4}
    aws.scaled.add_response("register_scalable_target", {}, target)
    policy = {
        **TARGET,
        "PolicyName": "invocations-per-instance",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 300.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    }
    aws.scaled.add_response("put_scaling_policy", {"PolicyARN": "p", "Alarms": []}, policy)
    answer = handle(AT_REST, _environment(autoscaling=SCALING), aws.clients())
    assert answer["action"] == "unchanged"


def test_without_autoscaling_in_the_settings_it_is_taken_off(aws: Aws) -> None:
    _is_settled(aws)
    _known_target(aws)
    aws.scaled.add_client_error("deregister_scalable_target", "ObjectNotFoundException")
    answer = handle(AT_REST, _environment(autoscaling=None), aws.clients())
    assert answer["action"] == "unchanged"


@pytest.mark.parametrize(
    ("status", "scaling"), [("Updating", SCALING), ("Creating", None), ("InService", "not managed")]
)
def test_otherwise_autoscaling_is_left_alone(aws: Aws, status: str, scaling: Any) -> None:
    _is_settled(aws, status)
    how = {} if scaling == "not managed" else {"autoscaling": scaling}
    answer = handle(AT_REST, _environment(**how), aws.clients())
    assert answer["action"] == "unchanged"


def test_what_sagemaker_refuses_is_raised_for_lambda_to_try_again(aws: Aws) -> None:
    aws.over_an_old_version()
    aws.endpoint()
    aws.asked.add_client_error("update_endpoint", "ThrottlingException", "Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        handle(APPROVAL, _environment(), aws.clients())


def test_an_update_that_began_meanwhile_is_waited_for(aws: Aws) -> None:
    aws.over_an_old_version()
    aws.endpoint()
    message = f'Cannot update in-progress endpoint "{ARN}".'
    aws.asked.add_client_error("update_endpoint", "ValidationException", message)
    pending = {"PendingDeploymentSummary": {"EndpointConfigName": "other"}}
    aws.endpoint("Updating", **pending)
    # It looks once more, for the case that the end comes before a listing shows this decision.
    aws.endpoint("Updating", **pending)
    aws.tags(ARN, {"last-deployment": OLD, "last-deployment-over": "-"})
    aws.described("other")
    aws.tags(_config_arn("other"), {})
    aws.listed()
    aws.approved()
    aws.config(OLD, PACKAGE.replace("/2", "/1"))
    answer = handle(APPROVAL, _environment(), aws.clients())
    assert answer["action"] == "waiting"
    assert "dogs-2 follows when the endpoint is no longer Updating" in answer["reason"]


class TestDeploymentConfig:
    def _plan(self, traffic: Traffic, alarms: tuple[str, ...] = ("a",)) -> Plan:
        return Plan("e", "ml.m5.large", 4, ROLE, traffic, alarms)

    def test_linear_shifts_in_steps(self) -> None:
        config = deployment_config(self._plan(Traffic("linear", 25, 120, 4080)))
        assert config["BlueGreenUpdatePolicy"] == {
            "TrafficRoutingConfiguration": {
                "Type": "LINEAR",
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                "WaitIntervalInSeconds": 120,
            },
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 4080,
        }

    def test_all_at_once_is_watched_before_the_old_instances_go(self) -> None:
        config = deployment_config(self._plan(Traffic("all_at_once", 50, 300, 3900)))
        policy = config["BlueGreenUpdatePolicy"]
        routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        assert policy["TrafficRoutingConfiguration"] == routing
        assert policy["TerminationWaitInSeconds"] == 300
        assert config["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "a"}]}

    def test_without_alarms_nothing_is_waited_for(self) -> None:
        config = deployment_config(self._plan(Traffic("canary", 50, 300), alarms=()))
        policy = config["BlueGreenUpdatePolicy"]
        assert policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == 0
        assert policy["TerminationWaitInSeconds"] == 0
        assert "AutoRollbackConfiguration" not in config


class TestEnvironment:
    @pytest.mark.parametrize("name", list(ENVIRONMENT))
    def test_a_missing_variable_is_named(self, name: str) -> None:
        rest = {key: value for key, value in ENVIRONMENT.items() if key != name}
        with pytest.raises(DeployError, match=rf"{name}: .*pipeline\.bootstrap"):
            Production.from_environment(rest)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", json.dumps({**HOW, "traffic": {"kind": "canary"}})]
    )
    def test_a_deployment_that_cannot_be_read_is_said(self, text: str) -> None:
        with pytest.raises(DeployError, match="DEPLOYMENT cannot be read"):
            Production.from_environment({**ENVIRONMENT, "DEPLOYMENT": text})

    def test_alarms_and_capture_may_be_none(self) -> None:
        variables = {**_environment(data_capture=None), "ROLLBACK_ALARMS": " , "}
        production = Production.from_environment(variables)
        assert (production.plan.alarms, production.plan.capture) == ((), None)
