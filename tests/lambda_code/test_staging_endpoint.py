"""Runs that deploy at the same time: each gets its turn or is superseded, and none waits inside.

Steps of a sequence: `d1` a run deploys version 1, `s1` to a serverless endpoint; `ok` and `bad` end
what the endpoint is at, and the event of that arrives; `OK` and `BAD` without it, and `=end`
delivers it, once or again.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment_errors import DeployError, EndpointBusyError
from endpoint_kinds import FAILED
from pipeline.local.service.operations.endpoints import (
    awaited_config,
    fail_deployment,
    finish_deployment,
)
from pipeline.local.service.operations.events import RULE
from pipeline.local.service.operations.models import serverless_of
from pipeline.local.service.operations.tags import TAGS
from pipeline.local.store import Store
from staging_endpoint import BEGUN, WANTED
from tests.lambda_code.deploy_support import ENVIRONMENT, GROUP, PRODUCTION, ROLE, World

STAGING = "dogs-staging"
INSTANCES: dict[str, Any] = {"instance_type": "ml.m5.large", "instance_count": 1}
SERVERLESS: dict[str, Any] = {"memory_size_mb": 2048, "max_concurrency": 5}


class Staging(World):
    """The world, and a staging endpoint that runs deploy to."""

    def __init__(self, store: Store, client: Any, register: Callable[..., str]) -> None:
        super().__init__(store, client, register)
        store.put(RULE, GROUP, {"Group": GROUP, "Endpoint": PRODUCTION, "Staging": STAGING})
        self.environment = {**ENVIRONMENT, "STAGING_ENDPOINT": STAGING}
        self.answers: dict[str, dict[str, str]] = {}

    @property
    def staged(self) -> dict[str, Any]:
        return self.store.get("Endpoint", STAGING) or {}

    def deploy(self, number: str, *, serverless: bool = False) -> dict[str, str]:
        """What a run's Deploy step is answered."""
        event = {
            "model_package_arn": self.package(number),
            "endpoint_name": STAGING,
            **(SERVERLESS if serverless else INSTANCES),
            "role_arn": ROLE,
        }
        self.answers[number] = self.handle(event)
        return self.answers[number]

    def do(self, step: str) -> str:
        """Do a step; the action that the function answers with."""
        if step[0] in "ds":
            return self.deploy(step[1:], serverless=step[0] == "s")["action"]
        if step != "=end":
            self.end_staging(well=step.lower() == "ok")
            if step.isupper():
                return ""
        return self.handle(self.events["end"])["action"]

    def end_staging(self, *, well: bool) -> None:
        config = awaited_config(self.staged)
        assert config, "nothing is being deployed"
        if well:
            asked = self.store.get("EndpointConfig", config)
            hosted: dict[str, Any] = {"InstanceCount": 1, "VariantName": "AllTraffic"}
            hosted["ServerlessConfig"] = serverless_of(asked or {})
            assert finish_deployment(self.store, STAGING, config, hosted)
        else:
            fail_deployment(self.store, STAGING, config, "the model does not load")
        self.collect()

    @property
    def state(self) -> str:
        """Staging: "2" in service, "2>3" on its way from 2 to 3, ">1" and "!1" a first one."""
        version = self.number(self.staged["EndpointConfigName"])
        awaited = awaited_config(self.staged)
        status = self.staged["EndpointStatus"]
        if status == "Updating":
            return f"{version}>{self.number(awaited or '')}"
        return {"InService": "", "Creating": ">", "Failed": "!"}[status] + version

    def number(self, config: str) -> str:
        tags = self.store.get("EndpointConfig", config)
        found = self.client.list_tags(ResourceArn=tags["EndpointConfigArn"])["Tags"]
        (arn,) = (tag["Value"] for tag in found if tag["Key"] == "model-package-arn")
        return str(arn).rpartition("/")[2]

    def tags(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.client.list_tags(ResourceArn=self.staged["EndpointArn"])[
            "Tags"
        ]
        return found

    def tag(self, **tags: str) -> None:
        found = [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]
        self.client.add_tags(ResourceArn=self.staged["EndpointArn"], Tags=found)


@pytest.fixture
def world(one_client: tuple[Store, Any], register_package: Callable[..., str]) -> Staging:
    return Staging(*one_client, register_package)


# What happens, what the function answers, and the endpoint's state in the end.
SEQUENCES = [
    ("d1 ok", "created unchanged", "1"),
    ("d1 ok d2 ok", "created unchanged updated unchanged", "2"),
    # an event ends the waiting
    ("d1 d2 ok ok", "created waiting updated unchanged", "2"),
    ("d1 ok d2 d3 ok ok", "created unchanged updated waiting updated unchanged", "3"),
    # of several the last to ask is next
    ("d1 d2 d3 ok ok", "created waiting waiting updated unchanged", "3"),
    ("d1 d3 d2 ok ok", "created waiting waiting updated unchanged", "2"),
    ("d1 d2 d3 ok d4 ok ok", "created waiting waiting updated waiting updated unchanged", "4"),
    # twice, and late
    ("d1 d1 d2 d2 ok =end ok =end", "created unchanged waiting waiting updated unchanged "
     "unchanged unchanged", "2"),
    ("d1 d2 OK =end =end ok", "created waiting  updated unchanged unchanged", "2"),
    ("d1 OK d2 =end ok", "created  updated unchanged unchanged", "2"),
    ("d1 ok d2 ok d1 ok", "created unchanged updated unchanged updated unchanged", "1"),
    # what waited for a turn that another call took is forgotten
    ("d1 d2 OK d3 ok =end", "created waiting  updated unchanged unchanged", "3"),
    ("d1 d2 OK d3 ok d2 ok d3 ok", "created waiting  updated unchanged updated unchanged updated "
     "unchanged", "3"),
    # what does not come into service
    ("d1 bad", "created unchanged", "!1"),
    ("d1 d2 bad ok", "created waiting created unchanged", "2"),
    ("d1 bad d1 ok", "created unchanged created unchanged", "1"),
    ("d1 ok d2 bad =end", "created unchanged updated unchanged unchanged", "1"),
    ("d1 ok d2 d3 bad ok", "created unchanged updated waiting updated unchanged", "3"),
    ("d1 ok d2 bad d2 ok", "created unchanged updated unchanged updated unchanged", "2"),
    ("d1 ok d2 bad d3 d2 ok bad", "created unchanged updated unchanged updated waiting updated "
     "unchanged", "3"),
    # to serverless there is no update, which this machine's service refuses as SageMaker does
    ("s1 ok s2 ok", "created unchanged updated unchanged", "2"),
    ("d1 ok s2 ok", "created unchanged replaced unchanged", "2"),
    ("d1 s2 ok ok", "created waiting replaced unchanged", "2"),
    ("d1 ok s2 s3 ok ok", "created unchanged replaced waiting updated unchanged", "3"),
    ("d1 ok s2 bad", "created unchanged replaced unchanged", "!2"),
    ("s1 ok d2 ok s1 ok", "created unchanged updated unchanged replaced unchanged", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "answers", "state"), SEQUENCES)
def test_sequences(world: Staging, steps: str, answers: str, state: str) -> None:
    given = [world.do(step) for step in steps.split()]
    assert [one for one in given if one] == answers.split()
    assert world.state == state


def test_what_a_serverless_endpoint_is_can_be_seen(world: Staging) -> None:
    for step in ("d1", "ok", "s2", "ok"):
        world.do(step)
    (variant,) = world.client.describe_endpoint(EndpointName=STAGING)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert "CurrentInstanceCount" not in variant


def test_a_waiting_run_that_cannot_be_made_serverless_is_told_so_and_the_old_one_is_back(
    world: Staging,
) -> None:
    world.do("d1")
    waits = world.deploy("2", serverless=True)["endpoint_config_name"]
    world.do("OK")

    def refuse(**_others: Any) -> None:
        world.client.meta.events.unregister(name, refuse)
        details = {"Code": "ResourceLimitExceeded", "Message": "the quota is 0"}
        raise ClientError({"Error": details}, "CreateEndpoint")

    name = "before-call.sagemaker.CreateEndpoint"
    world.client.meta.events.register(name, refuse)
    with pytest.raises(DeployError, match="the quota is 0"):
        world.do("=end")
    assert world.state == ">1"
    assert {tag["Key"]: tag["Value"] for tag in world.tags()}[FAILED] == waits
    world.collect()
    assert world.do("ok") == "unchanged"  # it is not tried again unasked
    assert world.state == "1"


def test_who_waits_is_told_and_who_will_not_come_is_named(world: Staging) -> None:
    world.do("d1")
    assert world.deploy("2")["superseded"] == ""
    answer = world.deploy("3")
    assert answer["action"] == "waiting"
    assert answer["superseded"] == world.answers["2"]["endpoint_config_name"]
    assert world.deploy("3")["superseded"] == ""


@pytest.mark.parametrize(
    ("steps", "failed"),
    [
        ("d1 ok d2 ok d3", None),
        ("d1 bad", None),  # the endpoint itself says so
        ("d1 d2 bad", "1"),
        ("d1 bad d2 ok", "1"),
        ("d1 ok d2 d3 bad ok", "2"),
        ("d1 ok d2 bad d3", "2"),
        ("d1 ok d2 bad d3 ok d2", None),  # asked for once more
        ("d1 ok d2 bad d2 ok d1", None),
        ("d1 ok d2 bad d3 bad d1", "3"),
    ],
)
def test_what_failed_is_remembered_when_another_takes_its_place(
    world: Staging, steps: str, failed: str | None
) -> None:
    for step in steps.split():
        world.do(step)
    noted = {tag["Key"]: tag["Value"] for tag in world.tags()}.get(FAILED, "-")
    assert noted == (world.answers[failed]["endpoint_config_name"] if failed else "-")


def test_an_update_that_ends_just_before_the_note_does_not_leave_a_run_waiting(
    world: Staging,
) -> None:
    world.do("d1")
    # Its event has come and gone by then.
    with world.before("AddTags", lambda: world.end_staging(well=True)):
        assert world.deploy("2")["action"] == "updated"
    assert world.state == "1>2"


def test_a_run_that_asks_at_the_same_moment_may_take_the_turn(world: Staging) -> None:
    world.do("d1")
    world.do("ok")

    def faster() -> None:
        assert world.deploy("3")["action"] == "updated"

    with world.before("AddTags", faster):
        assert world.deploy("2")["action"] == "waiting"
    world.do("ok")
    assert world.state == "3>2"


def test_a_note_of_another_run_before_the_turn_is_honoured(world: Staging) -> None:
    world.do("d1")
    world.do("ok")
    other = world.deploy("2")["endpoint_config_name"]
    world.do("ok")
    world.deploy("1")
    world.do("ok")
    asked: list[str] = []

    def noted(**_others: Any) -> None:
        if not asked:  # after the note of version 3, before its look at the endpoint
            asked.append("now")
            world.tag(wanted_deployment=other, last_deployment="-")

    name = "after-call.sagemaker.AddTags"
    world.client.meta.events.register(name, noted)
    try:
        assert world.deploy("3")["action"] == "superseded"
    finally:
        world.client.meta.events.unregister(name, noted)
    assert world.state == "1>2"


def test_an_endpoint_that_another_run_makes_first_gives_the_second_its_turn(
    world: Staging,
) -> None:
    with world.before("CreateEndpoint", lambda: world.deploy("2") and None):
        assert world.deploy("1")["action"] == "waiting"
    world.do("ok")
    assert world.state == "2>1"


def test_an_endpoint_of_before_there_were_turns_is_updated(world: Staging) -> None:
    world.do("d1")
    world.do("ok")
    assert {tag["Key"] for tag in world.tags()} == {WANTED, BEGUN}
    world.store.delete(TAGS, world.staged["EndpointArn"])
    world.handle(world.events["end"])
    assert world.state == "1"
    assert world.do("d2") == "updated"


def test_a_deletion_without_end_is_given_up(world: Staging) -> None:
    world.do("d1")
    world.do("ok")
    stuck = {**world.staged, "EndpointStatus": "Deleting"}
    world.store.put("Endpoint", STAGING, stuck, arn=stuck["EndpointArn"])
    with pytest.raises(EndpointBusyError, match="still being deleted"):
        world.deploy("2")


def test_another_endpoints_event_is_left_alone(world: Staging) -> None:
    detail = {"EndpointName": "dogs-uk-staging", "EndpointStatus": "IN_SERVICE"}
    event = {"detail-type": "SageMaker Endpoint State Change", "detail": detail}
    assert world.handle(event)["action"] == "ignored"
