"""What the template makes for monitoring: nothing while it is off, and it fits the job when on."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from monitoring.cloudwatch import DIMENSION, METRICS, metrics_line
from pipeline.settings.model import Settings
from tests.infra.template_support import ACCOUNT, REGION, Template, settings_with, template_for

PIPELINES = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline"
OURS = {
    *("MonitorRole", "StartRole", "MonitorRule", "MonitorFailedRule", "ChangedAlarm"),
    *("AlarmTopic", "AlarmTopicPolicy"),
}


@pytest.fixture(scope="module")
def on() -> Settings:
    return settings_with("monitor={enabled: true, schedule: rate(12 hours), keep_days: 5}")


@pytest.fixture(scope="module")
def made(on: Settings) -> dict[str, dict[str, Any]]:
    return template_for(on).resources()


def test_while_it_is_off_nothing_of_it_is_made(template: Template) -> None:
    assert not (OURS | {"RetrainRule"}) & template.resources().keys()
    assert expiries(template.resources()) == {"captured-requests-deleted": "90"}


def test_on_the_clock_starts_the_monitoring_pipeline(
    on: Settings, made: dict[str, dict[str, Any]]
) -> None:
    assert made.keys() >= OURS
    rule = made["MonitorRule"]
    assert rule["ScheduleExpression"] == "rate(12 hours)"
    (target,) = rule["Targets"]
    assert target["Arn"] == f"{PIPELINES}/{on.monitor_pipeline}"
    assert f"arn:aws:iam::{ACCOUNT}:role/{made['MonitorRole']['RoleName']}" == on.monitor_role_arn


def test_what_strangers_sent_is_deleted_when_the_settings_say(
    made: dict[str, dict[str, Any]],
) -> None:
    assert expiries(made) == {"captured-requests-deleted": "5", "checks-deleted": "5"}


def expiries(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    rules = made["Bucket"]["LifecycleConfiguration"]["Rules"]
    return {
        one["Id"]: str(one["ExpirationInDays"])
        for one in rules
        if one["Id"] in ("captured-requests-deleted", "checks-deleted")
    }


def test_the_alarm_watches_what_the_job_logs_and_people_hear_of_it(
    on: Settings, made: dict[str, dict[str, Any]]
) -> None:
    alarm = made["ChangedAlarm"]
    line = metrics_line(on.production_endpoint_name, {"changed": 1}, 0)
    assert f'"Namespace": "{alarm["Namespace"]}"' in line
    assert alarm["MetricName"] == METRICS["changed"]
    assert alarm["Dimensions"] == [{"Name": DIMENSION, "Value": on.production_endpoint_name}]
    assert alarm["AlarmActions"] == ["AlarmTopic"]


@pytest.mark.parametrize("retrain", [True, False])
def test_a_change_starts_a_run_only_where_that_was_asked_for(retrain: bool) -> None:
    settings = settings_with(f"monitor={{enabled: true, retrain: {str(retrain).lower()}}}")
    template = template_for(settings)
    (start,) = template.statements("StartRole")
    assert (f"{PIPELINES}/dog-breeds" in start["Resource"]) == retrain
    rule = template.resources().get("RetrainRule")
    assert (rule is not None) == retrain
    if rule:
        assert rule["EventPattern"]["resources"] == ["GetAtt ChangedAlarm.Arn"]
        assert rule["EventPattern"]["detail"] == {"state": {"value": ["ALARM"]}}
        assert rule["Targets"][0]["Arn"] == f"{PIPELINES}/dog-breeds"


def test_mail_goes_to_an_address_that_was_given(on: Settings) -> None:
    given = template_for(on, AlarmEmail="me@example.org").resources()["AlarmTopic"]
    assert given["Subscription"] == [{"Protocol": "email", "Endpoint": "me@example.org"}]
    assert "Subscription" not in template_for(on).resources()["AlarmTopic"]


def test_a_given_role_for_jobs_is_the_checks_as_well() -> None:
    jobs = f"arn:aws:iam::{ACCOUNT}:role/team/jobs"
    settings = settings_with("monitor.enabled=true", f"aws.jobs_role_arn={jobs}")
    assert settings.monitor_role_arn == jobs
    template = template_for(settings)
    assert "MonitorRole" not in template.resources()
    statements = {one["Sid"]: one for one in template.statements("PipelineRole")}
    assert statements["GiveJobsTheirRole"]["Resource"] == [jobs]


@pytest.mark.xdist_group("sdk")
def test_its_role_may_read_and_write_what_the_job_does(
    on: Settings, monitoring_of: Callable[[Settings], dict[str, Any]]
) -> None:
    statements = {one["Sid"]: one["Resource"] for one in template_for(on).statements("MonitorRole")}
    (job,) = monitoring_of(on)["Steps"][1]["Arguments"]["IfSteps"]
    for one in job["Arguments"]["ProcessingInputs"]:
        uri = one["S3Input"]["S3Uri"]
        if isinstance(uri, str):
            arn = f"{uri.rstrip('/')}/x".replace("s3://", "arn:aws:s3:::")
            assert any(fnmatchcase(arn, allowed) for allowed in statements["ReadInputs"]), uri
    (output,) = job["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    written = output["S3Output"]["S3Uri"]["Std:Join"]["Values"][0].replace("s3://", "arn:aws:s3:::")
    assert statements["WriteFindings"] == [f"{written}/*"]
    repository = job["Arguments"]["AppSpecification"]["ImageUri"].partition("/")[2].split(":")[0]
    assert any(one.endswith(f"repository/{repository}") for one in statements["PullOwnImage"])
