"""Who hears of what: every alarm has an action, and what the function tells reaches the topics."""

import json
from functools import cache
from typing import Any

import pytest

from pipeline.settings.model import Settings
from tests.infra.template_support import ACCOUNT, REGION, Template, settings_with, template_for

THEIRS = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
MAIL, HOOK = "notify.emails=[me@example.org]", "notify.webhook=https://example.org/hook"
TOPIC = f"notify.topic_arn={THEIRS}"
OURS = {"RunFailedRule", "RunFailedPermission", "WaitingRule", "WaitingPermission"}
Made = dict[str, dict[str, Any]]


@cache
def made_with(*overrides: str) -> Made:
    return template_for(settings_with(*overrides)).resources()


def alarms(made: Made) -> Made:
    return {name: one for name, one in made.items() if "AlarmName" in one}


@pytest.mark.parametrize(
    ("overrides", "heard"),
    [
        ((MAIL,), ["AlarmTopic"]),
        ((HOOK,), ["AlarmTopic"]),
        ((TOPIC,), [THEIRS]),
        ((MAIL, TOPIC), ["AlarmTopic", THEIRS]),
        (("monitor.enabled=true",), ["AlarmTopic"]),
        (("monitor.enabled=true", TOPIC), ["AlarmTopic", THEIRS]),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_every_alarm_has_an_action(overrides: tuple[str, ...], heard: list[str]) -> None:
    made = made_with(*overrides)
    watched = alarms(made)
    assert len(watched) == 3 + ("monitor.enabled=true" in overrides)
    assert {name: one["AlarmActions"] for name, one in watched.items()} == dict.fromkeys(
        watched, heard
    )
    assert ("AlarmTopic" in made) == ("AlarmTopic" in heard)
    if "AlarmTopic" in made:
        statements = made["AlarmTopicPolicy"]["PolicyDocument"]["Statement"]
        (may,) = [one for one in statements if one["Sid"] == "FromAlarm"]
        arns = [f"GetAtt {name}.Arn" for name in watched]
        assert sorted(may["Condition"]["ArnEquals"]["aws:SourceArn"]) == sorted(arns)


def test_where_nobody_is_named_nothing_changes(template: Template) -> None:
    made = template.resources()
    assert not made.keys() & {*OURS, "AlarmTopic", "AlarmTopicPolicy", "MonitorFailedPermission"}
    assert not [name for name, one in alarms(made).items() if "AlarmActions" in one]
    assert "TOPICS" not in made["DeployFunction"]["Environment"]["Variables"]
    assert not {one["Sid"] for one in template.statements("DeployRole")} & {"Tell", "SeeRuns"}
    (queue,) = made["FailedDeploymentsPolicy"]["PolicyDocument"]["Statement"][:1]
    heard = queue["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert heard == ["GetAtt ApprovalRule.Arn", "GetAtt EndpointRule.Arn"]


def test_every_address_is_subscribed() -> None:
    five = [f"{name}@example.org" for name in "abcde"]
    made = made_with(f"notify={{emails: [{', '.join(five)}], webhook: 'https://example.org/x'}}")
    mails = [{"Protocol": "email", "Endpoint": one} for one in five]
    hook = {"Protocol": "https", "Endpoint": "https://example.org/x"}
    assert made["AlarmTopic"]["Subscription"] == [*mails, hook]
    two = template_for(settings_with(MAIL), AlarmEmail="ops@example.org").resources()
    assert [one["Endpoint"] for one in two["AlarmTopic"]["Subscription"]] == [
        "ops@example.org",
        "me@example.org",
    ]


def test_the_function_tells_the_topics_that_it_may_write_to() -> None:
    template = template_for(settings_with(MAIL, TOPIC))
    variables = template.resources()["DeployFunction"]["Environment"]["Variables"]
    assert variables["TOPICS"] == f"AlarmTopic,{THEIRS}"
    statements = {one["Sid"]: one["Resource"] for one in template.statements("DeployRole")}
    assert statements["Tell"] == ["AlarmTopic", THEIRS]


@pytest.mark.parametrize("overrides", [(MAIL,), (MAIL, "monitor.enabled=true")])
def test_what_cannot_be_told_is_tried_again_and_then_kept(overrides: tuple[str, ...]) -> None:
    made = made_with(*overrides)
    (queue,) = made["FailedDeploymentsPolicy"]["PolicyDocument"]["Statement"][:1]
    rules = {name for name, one in made.items() if _calls_the_function(one)}
    checks = {"MonitorFailedRule"} if len(overrides) > 1 else set()
    assert rules == {"ApprovalRule", "EndpointRule", "RunFailedRule", "WaitingRule", *checks}
    for rule in rules:
        (target,) = made[rule]["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == "GetAtt FailedDeployments.Arn"
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 10
        assert f"GetAtt {rule}.Arn" in queue["Condition"]["ArnEquals"]["aws:SourceArn"]
        permission = made[f"{rule.removesuffix('Rule')}Permission"]
        assert permission["SourceArn"] == f"GetAtt {rule}.Arn"


def _calls_the_function(properties: dict[str, Any]) -> bool:
    targets = properties.get("Targets", [])
    return "GetAtt DeployFunction.Arn" in [one["Arn"] for one in targets]


def test_a_check_that_failed_comes_as_it_is_where_nobody_else_is_named() -> None:
    made = made_with("monitor.enabled=true")
    assert made["MonitorFailedRule"]["Targets"] == [{"Id": "tell", "Arn": "AlarmTopic"}]
    statements = made["AlarmTopicPolicy"]["PolicyDocument"]["Statement"]
    assert [one["Sid"] for one in statements] == ["FromAlarm", "FromRule"]
    assert "MonitorFailedPermission" not in made
    told = made_with("monitor.enabled=true", TOPIC)["AlarmTopicPolicy"]["PolicyDocument"]
    assert [one["Sid"] for one in told["Statement"]] == ["FromAlarm"]


def _run(pipeline: str, status: str) -> dict[str, Any]:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Building Pipeline Execution Status Change",
        "detail": {
            "pipelineArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{pipeline}",
            "currentPipelineExecutionStatus": status,
        },
    }


def _version(**detail: Any) -> dict[str, Any]:
    usual = {
        "ModelPackageGroupName": "dog-breeds",
        "ModelApprovalStatus": "PendingManualApproval",
        "ModelPackageStatus": "Completed",
    }
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": {**usual, **detail},
    }


@pytest.mark.parametrize(
    ("rule", "event", "matches"),
    [
        ("RunFailedRule", _run("dog-breeds", "Failed"), True),
        ("RunFailedRule", _run("dog-breeds", "Succeeded"), False),
        ("RunFailedRule", _run("dog-breeds", "Stopped"), False),
        ("RunFailedRule", _run("dog-breeds-uk", "Failed"), False),
        ("WaitingRule", _version(), True),
        ("WaitingRule", _version(UpdatedModelPackageFields=["ModelApprovalStatus"]), True),
        ("WaitingRule", _version(UpdatedModelPackageFields=["ApprovalDescription"]), False),
        ("WaitingRule", _version(ModelPackageStatus="InProgress"), False),
        ("WaitingRule", _version(ModelApprovalStatus="Approved"), False),
        ("WaitingRule", _version(ModelPackageGroupName="cats"), False),
    ],
)
def test_what_people_hear_of(rule: str, event: dict[str, Any], matches: bool) -> None:
    from moto.events.models import EventPattern

    pattern = made_with(MAIL)[rule]["EventPattern"]
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is matches


def test_the_stack_is_told_what_the_settings_say() -> None:
    from pipeline.bootstrap.stack_parameters import Foundation, names_of

    settings: Settings = settings_with(MAIL, HOOK, TOPIC)
    told = names_of(Foundation(settings, "staging"))
    assert told["NotifyEmails"] == "me@example.org,-,-,-,-"
    assert told["NotifyWebhook"] == "https://example.org/hook"
    assert told["NotifyTopicArn"] == THEIRS
