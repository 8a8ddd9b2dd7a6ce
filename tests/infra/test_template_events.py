"""What the template's rules hear, and what then is called, watched and kept."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from tests.infra.template_support import ACCOUNT, REGION, Template


def test_alarms_that_roll_back_can_be_seen_by_those_who_look(template: Template) -> None:
    made = template.resources()
    names = [made[alarm]["AlarmName"] for alarm in ("ErrorAlarm", "LatencyAlarm")]
    variables = made["DeployFunction"]["Environment"]["Variables"]
    assert variables["ROLLBACK_ALARMS"].split(",") == names
    for role in ("ServingRole", "DeployRole"):
        seen = [
            resource
            for statement in template.statements(role)
            if "cloudwatch:DescribeAlarms" in statement["Action"]
            for resource in statement["Resource"]
        ]
        for name in names:
            arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
            assert any(fnmatchcase(arn, one) for one in seen)


@pytest.mark.parametrize("alarm", ["ErrorAlarm", "LatencyAlarm"])
def test_alarms_watch_the_variant_that_is_deployed(alarm: str, template: Template) -> None:
    code = (ROOT / "lambda_code" / "endpoint_plan.py").read_text(encoding="utf-8")
    variant = re.search(r'VARIANT = "(\w+)"', code)
    dimensions = {d["Name"]: d["Value"] for d in template.resources()[alarm]["Dimensions"]}
    assert variant
    assert dimensions == {"EndpointName": "dog-breeds-production", "VariantName": variant[1]}


def _event(**detail: Any) -> dict[str, Any]:
    group = {"ModelPackageGroupName": "dog-breeds", "ModelApprovalStatus": "Approved"}
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": {**group, **detail},
    }


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        (_event(UpdatedModelPackageFields=["ModelApprovalStatus"]), True),
        (_event(UpdatedModelPackageFields=["ApprovalDescription", "ModelApprovalStatus"]), True),
        (
            _event(
                ModelApprovalStatus="Rejected", UpdatedModelPackageFields=["ModelApprovalStatus"]
            ),
            True,
        ),
        (_event(), True),
        (_event(UpdatedModelPackageFields=["ModelPackageDescription"]), False),
        (_event(ModelApprovalStatus="PendingManualApproval"), False),
        (_event(ModelPackageGroupName="cats"), False),
        (_event() | {"detail-type": "SageMaker Endpoint State Change"}, False),
    ],
)
def test_only_a_changed_approval_in_this_group_calls_the_lambda(
    event: dict[str, Any], matches: bool, template: Template
) -> None:
    from moto.events.models import EventPattern

    pattern = template.resources()["ApprovalRule"]["EventPattern"]
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is matches


@pytest.mark.parametrize(
    ("name", "status", "matches"),
    [
        ("dog-breeds-production", "IN_SERVICE", True),
        ("dog-breeds-production", "FAILED", True),
        ("dog-breeds-production", "UPDATING", False),
        ("dog-breeds-staging", "IN_SERVICE", True),
        ("dog-breeds-staging", "UPDATING", False),
        ("dog-breeds-2-staging", "IN_SERVICE", False),
    ],
)
def test_an_end_of_a_deployment_calls_the_lambda(
    name: str, status: str, matches: bool, template: Template
) -> None:
    from moto.events.models import EventPattern

    event = {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Endpoint State Change",
        "detail": {"EndpointName": name, "EndpointStatus": status},
    }
    pattern = template.resources()["EndpointRule"]["EventPattern"]
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is matches


def test_a_deployment_that_fails_is_tried_again_and_then_kept(template: Template) -> None:
    made = template.resources()
    (policy,) = made["FailedDeploymentsPolicy"]["PolicyDocument"]["Statement"][:1]
    for rule in ("ApprovalRule", "EndpointRule"):
        (target,) = made[rule]["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == "GetAtt FailedDeployments.Arn"
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert f"GetAtt {rule}.Arn" in policy["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert made["DeployFunction"]["DeadLetterConfig"] == {
        "TargetArn": "GetAtt FailedDeployments.Arn"
    }
    assert made["DeployRetries"]["MaximumRetryAttempts"] > 0
    for permission, rule in (
        ("ApprovalPermission", "ApprovalRule"),
        ("EndpointPermission", "EndpointRule"),
    ):
        assert made[permission]["SourceArn"] == f"GetAtt {rule}.Arn"
