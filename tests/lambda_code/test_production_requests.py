"""What production's deployments ask of AWS, to the letter: nothing here answers by itself."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from deploy_endpoint import handle
from deployment_errors import DeployError
from deployment_inputs import Production
from endpoint_plan import Plan, Traffic, deployment_config
from tests.lambda_code.deploy_support import ENVIRONMENT, HOW, PRODUCTION, ROLE
from tests.lambda_code.production_support import (
    APPROVAL,
    ARN,
    AT_REST,
    CONFIG,
    FIRST,
    MOMENT,
    OLD,
    PACKAGE,
    SCALING,
    TARGET,
    Aws,
    config_arn,
    config_tags,
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    stubs = Aws()
    with stubs.asked, stubs.scaled:
        yield stubs
        stubs.asked.assert_no_pending_responses()
        stubs.scaled.assert_no_pending_responses()


def _environment(**changes: Any) -> dict[str, str]:
    return {**ENVIRONMENT, "DEPLOYMENT": json.dumps({**HOW, **changes})}


@pytest.mark.parametrize("scaling", [{}, {"autoscaling": None}])
def test_an_update_is_blue_green_with_alarms_that_bring_it_back(
    aws: Aws, scaling: dict[str, Any]
) -> None:
    aws.over_an_old_version()
    aws.endpoint()
    aws.updated()
    aws.noted()
    answer = handle(APPROVAL, _environment(**scaling), aws.clients())
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
    aws.tags(config_arn(CONFIG), config_tags(PACKAGE))
    aws.approved()
    aws.remembered()
    aws.no_endpoint()
    aws.no_endpoint()
    aws.created(over="-")
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


def _known_target(aws: Aws, *, is_scaled: bool = True) -> None:
    moment = {**TARGET, "MinCapacity": 2, "MaxCapacity": 4, "RoleARN": ROLE, "CreationTime": MOMENT}
    known = [moment] if is_scaled else []
    request = {
        "ServiceNamespace": "sagemaker",
        "ResourceIds": [TARGET["ResourceId"]],
        "ScalableDimension": TARGET["ScalableDimension"],
    }
    aws.scaled.add_response("describe_scalable_targets", {"ScalableTargets": known}, request)


def _is_settled(aws: Aws, status: str = "InService") -> None:
    aws.endpoint(status, CONFIG)
    aws.tags(ARN, {"last-deployment": CONFIG, "last-deployment-over": OLD})
    aws.config(CONFIG, PACKAGE)
    aws.listed(CONFIG, OLD)
    aws.tags(config_arn(CONFIG), config_tags(PACKAGE))
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


def test_where_nothing_is_scaled_nothing_is_taken_off(aws: Aws) -> None:
    _is_settled(aws)
    _known_target(aws, is_scaled=False)
    answer = handle(AT_REST, _environment(autoscaling=None), aws.clients())
    assert answer["action"] == "unchanged"


def test_what_autoscaling_refuses_otherwise_is_raised(aws: Aws) -> None:
    _is_settled(aws)
    _known_target(aws)
    aws.scaled.add_client_error("deregister_scalable_target", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        handle(AT_REST, _environment(autoscaling=None), aws.clients())


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


def test_an_update_to_it_that_another_call_began_is_that_calls_to_note(aws: Aws) -> None:
    aws.over_an_old_version()
    aws.endpoint()
    message = f'Cannot update in-progress endpoint "{ARN}".'
    aws.asked.add_client_error("update_endpoint", "ValidationException", message)
    aws.endpoint("Updating", PendingDeploymentSummary={"EndpointConfigName": CONFIG})
    assert handle(APPROVAL, _environment(), aws.clients())["action"] == "unchanged"


def test_what_it_has_counts_before_a_listing_shows_it(aws: Aws) -> None:
    aws.endpoint(config=CONFIG)
    aws.tags(ARN, {})
    aws.config(CONFIG, PACKAGE)
    aws.listed(OLD)
    aws.tags(config_arn(OLD), config_tags(FIRST))
    aws.approved()
    answer = handle(AT_REST, _environment(), aws.clients())
    assert answer["reason"] == "dogs-2 is in service already"


def test_that_an_update_failed_counts_before_its_tags_show_it(aws: Aws) -> None:
    aws.endpoint()
    aws.tags(ARN, {"last-deployment": CONFIG, "last-deployment-over": OLD})
    aws.described(CONFIG)
    aws.tags(config_arn(CONFIG), config_tags(PACKAGE))
    note = {"ResourceArn": config_arn(CONFIG), "Tags": ANY}
    aws.asked.add_response("add_tags", {"Tags": []}, note)
    aws.config(OLD, FIRST)
    aws.listed(CONFIG, OLD)
    aws.tags(config_arn(CONFIG), config_tags(PACKAGE))
    aws.tags(config_arn(OLD), config_tags(FIRST))
    aws.approved(FIRST)
    answer = handle(AT_REST, _environment(), aws.clients())
    assert answer["reason"] == "dogs-1 is in service already"


def test_while_it_is_busy_nothing_of_it_is_touched(aws: Aws) -> None:
    """Above all not autoscaling, which would be taken off for another instance type."""
    aws.endpoint("SystemUpdating")
    aws.tags(ARN, {})
    aws.config(OLD, FIRST, "ml.c5.large")
    aws.listed(CONFIG, OLD)
    aws.tags(config_arn(CONFIG), config_tags(PACKAGE))
    aws.approved()
    answer = handle(AT_REST, _environment(autoscaling=SCALING), aws.clients())
    assert answer["action"] == "waiting"


def test_one_that_is_being_deleted_is_made_again_when_it_is_gone(aws: Aws) -> None:
    aws.over_an_old_version(status="Deleting")
    aws.endpoint("Deleting")
    aws.no_endpoint()
    aws.created(over=OLD)
    assert handle(APPROVAL, _environment(), aws.clients())["action"] == "created"


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
    aws.tags(config_arn("other"), {})
    aws.listed()
    aws.approved()
    aws.config(OLD, FIRST)
    answer = handle(APPROVAL, _environment(), aws.clients())
    assert (answer["action"], aws.slept) == ("waiting", [3])
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
