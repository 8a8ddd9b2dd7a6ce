"""What the template's rules hear, and what then is called, watched and kept."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from deployment_inputs import read_expiry
from pipeline.command_line.running import ROOT
from pipeline.settings.checks_deploy import ALARM_SECONDS
from tests.infra.template_support import ACCOUNT, REGION, Template, settings_with, template_for


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
    assert variant
    metrics = [one["MetricStat"] for one in _queries(template, alarm) if "MetricStat" in one]
    for metric in metrics:
        dimensions = {d["Name"]: d["Value"] for d in metric["Metric"]["Dimensions"]}
        assert dimensions == {"EndpointName": "dog-breeds-production", "VariantName": variant[1]}
        assert metric["Period"] == 60
    assert len(metrics) == 2


@pytest.mark.parametrize("alarm", ["ErrorAlarm", "LatencyAlarm"])
def test_a_deployment_is_watched_until_alarms_can_have_gone_off(
    alarm: str, template: Template
) -> None:
    """The minute in which traffic moves may look good; then come as many bad ones as it takes."""
    bad = template.resources()[alarm]["DatapointsToAlarm"]
    arrival = 1  # of a minute's numbers, in CloudWatch
    assert (1 + bad + arrival) * 60 == ALARM_SECONDS


def _queries(template: Template, alarm: str) -> list[dict[str, Any]]:
    queries: list[dict[str, Any]] = template.resources()[alarm]["Metrics"]
    return queries


Minute = dict[str, float]


def _goes_off(template: Template, alarm: str, minutes: list[Minute]) -> bool:
    """Whether an alarm goes off at the end of these minutes, as CloudWatch evaluates it.

    A minute holds the metrics by name that have a value in it. An operation on a metric without
    one has none either, and IF takes its second value where the first is not 0.
    """
    properties = template.resources()[alarm]
    queries = {one["Id"]: one for one in properties["Metrics"]}
    (watched,) = [one for one in queries.values() if one.get("ReturnData", True)]
    parts = re.fullmatch(r"IF\((\w+) >= (\d+), ([\w /]+), 0\)", watched["Expression"])
    assert parts

    def value(name: str, minute: Minute) -> float | None:
        return minute.get(queries[name]["MetricStat"]["Metric"]["MetricName"])

    def evaluated(minute: Minute) -> float | None:
        count = value(parts[1], minute)
        if count is None or count < int(parts[2]):
            return None if count is None else 0.0
        values = [value(name, minute) for name in parts[3].split(" / ")]
        if None in values:
            return None
        return values[0] / values[1] if len(values) == 2 else values[0]  # type: ignore[operator]

    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert properties["TreatMissingData"] == "notBreaching"
    points = [evaluated(minute) for minute in minutes[-properties["EvaluationPeriods"] :]]
    breaching = [one for one in points if one is not None and one > float(properties["Threshold"])]
    return len(breaching) >= properties["DatapointsToAlarm"]


def _minute(requests: int, **errors: int) -> Minute:
    counted = {"Invocation4XXErrors": 0, "Invocation5XXErrors": 0, "InvocationModelErrors": 0}
    slow = {"ModelLatency": 50_000.0}
    return {"Invocations": requests, **counted, **slow, **errors} if requests else {}


@pytest.mark.parametrize(
    ("minutes", "goes_off"),
    [
        ([_minute(1000)] * 3, False),
        ([{}] * 3, False),  # nobody asks
        ([_minute(1, Invocation5XXErrors=1)] * 3, False),  # of so few nothing follows
        ([_minute(19, Invocation5XXErrors=19)] * 3, False),
        ([_minute(20, Invocation5XXErrors=20)] * 3, True),
        ([_minute(1000, Invocation5XXErrors=11)] * 2, True),
        ([_minute(1000, Invocation5XXErrors=10)] * 3, False),  # one in a hundred is allowed
        # one bad minute between good ones
        ([_minute(20), _minute(20, Invocation5XXErrors=1), _minute(20)], False),
        (
            [_minute(20, Invocation5XXErrors=1), _minute(20), _minute(20, Invocation5XXErrors=1)],
            True,
        ),
        # what clients send wrong, and a full queue, which is 429
        ([_minute(1000, Invocation4XXErrors=900, InvocationModelErrors=900)] * 3, False),
    ],
)
def test_errors_roll_back_when_they_are_many_and_the_models(
    minutes: list[Minute], goes_off: bool, template: Template
) -> None:
    assert _goes_off(template, "ErrorAlarm", minutes) is goes_off


@pytest.mark.parametrize(
    ("minutes", "goes_off"),
    [
        ([_minute(20, ModelLatency=2_000_001)] * 3, True),
        ([_minute(20, ModelLatency=2_000_000)] * 3, False),
        ([_minute(19, ModelLatency=9_000_000)] * 3, False),  # the first of a model may be slow
        ([{}, _minute(20, ModelLatency=9_000_000), _minute(20)], False),
        ([{}] * 3, False),
    ],
)
def test_latency_rolls_back_when_enough_was_asked(
    minutes: list[Minute], goes_off: bool, template: Template
) -> None:
    assert _goes_off(template, "LatencyAlarm", minutes) is goes_off


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


def test_staging_expires_by_the_clock_only_where_it_is_asked_for(template: Template) -> None:
    assert not {"ExpiryRule", "ExpiryPermission"} & template.resources().keys()
    settings = settings_with("deploy.staging={type: realtime, expire_hours: 24}")
    made = template_for(settings).resources()
    (target,) = made["ExpiryRule"]["Targets"]
    assert made["ExpiryRule"]["ScheduleExpression"] == "rate(1 hour)"
    assert made["ExpiryPermission"]["SourceArn"] == "GetAtt ExpiryRule.Arn"
    variables = made["DeployFunction"]["Environment"]["Variables"]
    asked = read_expiry(json.loads(target["Input"]), variables)
    assert asked == (settings.endpoint_name, 24)


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
