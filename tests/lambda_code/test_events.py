"""Events one by one: what they must have, whose they are, and the pipeline's own call."""

from collections.abc import Callable
from typing import Any

import pytest

from deployment_errors import DeployError, EndpointBusyError, NothingToReturnToError
from pipeline.local.service.operations.events import PENDING
from tests.lambda_code.deploy_support import GROUP, PREFIX, PRODUCTION, ROLE, World, run

ONE_INSTANCE = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


class TestOthersEvents:
    def test_another_group_is_ignored(self, world: World) -> None:
        event = {**world.decide("a", "1")}
        event["detail"] = event["detail"] | {"ModelPackageGroupName": "cats"}
        answer = world.handle(event)
        assert (answer["action"], answer["reason"]) == ("ignored", "the group cats is not ours")
        assert world.state == "-"

    def test_another_endpoint_is_ignored(self, world: World) -> None:
        run(world, "a1 OK A2")
        event = {**world.events["end"]}
        event["detail"] = event["detail"] | {"EndpointName": "dogs-staging"}
        assert world.handle(event)["action"] == "ignored"
        assert world.state == "1"

    def test_a_change_of_something_else_is_no_approval(self, world: World) -> None:
        run(world, "a1 ok a2 ok")
        event = {**world.events["a1"]}
        later = {"UpdatedModelPackageFields": ["ApprovalDescription"]}
        event["detail"] = event["detail"] | later | {"LastModifiedTime": "2099-01-01T00:00:00Z"}
        assert world.handle(event)["action"] == "unchanged"
        assert world.state == "2"

    @pytest.mark.parametrize("kind", ["SageMaker Model State Change", "", None])
    def test_an_unknown_event_is_an_error_for_the_alarm(self, world: World, kind: Any) -> None:
        with pytest.raises(DeployError, match="correct the rule"):
            world.handle({"detail-type": kind, "detail": {}})

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"detail": None}, "no detail"),
            ({"detail": {}}, "lacks ModelPackageArn, ModelPackageGroupName, ModelApprovalStatus"),
            ({"time": "soon"}, "time 'soon' cannot be read"),
        ],
    )
    def test_what_an_event_lacks_is_named(
        self, world: World, change: dict[str, Any], words: str
    ) -> None:
        event = world.decide("a", "1")
        event["detail"].pop("LastModifiedTime")
        with pytest.raises(DeployError, match=words):
            world.handle({**event, **change})

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-11-21T10:00:00Z",
            "2026-11-21T12:00:00+02:00",
            "2026-11-21T10:00:00.123",
            1795255200123,
            "1795255200123",
        ],
    )
    def test_times_as_sagemaker_writes_them(self, world: World, moment: Any) -> None:
        event = world.decide("a", "1")
        event["detail"]["LastModifiedTime"] = moment
        assert "-261121100000" in world.handle(event)["endpoint_config_name"]


def test_one_change_told_by_two_events_is_one_decision(world: World) -> None:
    run(world, "a1 ok")
    world.handle(world.events["a1"] | {"id": "another", "time": "2099-01-01T00:00:00Z"})
    configs = world.client.list_endpoint_configs()["EndpointConfigs"]
    assert (len(configs), world.state) == (1, "1")


def test_a_rollback_that_waits_is_asked_for_once(world: World) -> None:
    run(world, "a1 ok a2")
    rollback = {"rollback": {"endpoint_name": PRODUCTION.upper()}}  # one to SageMaker
    assert [world.handle(rollback)["action"] for _ in range(2)] == ["waiting", "unchanged"]


def test_a_rollback_is_newer_than_an_approval_by_a_clock_that_is_fast(world: World) -> None:
    run(world, "a1 ok A2")
    world.events["a2"]["detail"]["LastModifiedTime"] = "2067-01-01T00:00:00Z"
    run(world, "=a2 ok back ok =end")
    assert (world.deployed, world.state) == (["1", "2", "1"], "1")


def test_a_version_that_is_registered_as_approved_is_deployed(
    world: World, register_package: Callable[..., str]
) -> None:
    run(world, "a1 ok")
    uri = "s3://b/5.tar.gz"
    register_package(world.client, uri, GROUP, ModelApprovalStatus="Approved")
    world.collect()
    world.events["a5"]["detail"]["LastModifiedTime"] = "2067-01-01T00:00:00Z"
    run(world, "=a5 ok a2 ok =a5")
    assert (world.deployed, world.state) == (["1", "5", "2"], "2")


class TestThePipelinesOwnCall:
    STAGING = "dogs-staging"

    def _event(self, world: World, number: str) -> dict[str, Any]:
        return {
            "model_package_arn": world.package(number),
            "endpoint_name": self.STAGING,
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "role_arn": ROLE,
        }

    def _end(self, world: World) -> None:
        from pipeline.local.service.operations.endpoints import awaited_config, finish_deployment

        config = awaited_config(world.store.get("Endpoint", self.STAGING))
        hosted = {"InstanceCount": 1, "VariantName": "AllTraffic"}
        assert config
        finish_deployment(world.store, self.STAGING, config, hosted)

    def test_it_leaves_production_alone(self, world: World) -> None:
        run(world, "a1 ok")
        world.handle(self._event(world, "2"))
        assert world.state == "1"
        self._end(world)
        assert world.store.list(PENDING) == []  # no rule asks for it
        run(world, "a3 ok")
        assert world.state == "3"

    def test_under_an_old_stack_a_busy_staging_is_said_and_may_be_called_again(
        self, world: World
    ) -> None:
        first = world.handle(self._event(world, "1"))
        assert world.handle(self._event(world, "1")) == {**first, "action": "unchanged"}
        with pytest.raises(EndpointBusyError, match=r"is Creating .*run python -m pipeline\.boot"):
            world.handle(self._event(world, "2"))
        self._end(world)
        world.handle(self._event(world, "2"))

    def test_staging_is_rolled_back_to_what_it_ran_before(self, world: World) -> None:
        """What production ran meanwhile is another endpoint's history, as staging's is to it."""
        run(world, "a1 ok a2 ok a3 ok")
        rollback = {"rollback": {"endpoint_name": self.STAGING}}
        first = world.handle(self._event(world, "1"))
        self._end(world)
        with pytest.raises(NothingToReturnToError):
            world.handle(rollback)
        world.handle(self._event(world, "2"))
        before = world.client.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
        with pytest.raises(EndpointBusyError):
            world.handle(rollback)
        assert world.client.list_endpoint_configs(MaxResults=100)["EndpointConfigs"] == before
        self._end(world)
        answer = world.handle(rollback)
        assert (answer["action"], answer["reason"]) == ("updated", "from dogs-2 back to dogs-1")
        self._end(world)
        run(world, "=end")
        assert world.state == "3"
        again = world.handle(rollback)
        assert again["action"] == "unchanged"
        assert again["endpoint_config_name"] == answer["endpoint_config_name"]
        config = world.client.describe_endpoint_config(
            EndpointConfigName=again["endpoint_config_name"]
        )
        assert config["ProductionVariants"][0]["ModelName"] == first["model_name"]
        world.handle({"rollback": {"endpoint_name": self.STAGING, "version": 2}})
        self._end(world)
        world.decide("r", "1")
        with pytest.raises(DeployError, match="dogs-1 is Rejected"):
            world.handle({"rollback": {"endpoint_name": self.STAGING, "version": "1"}})
        run(world, "x1")
        with pytest.raises(DeployError, match="dogs-1 is Gone"):
            world.handle({"rollback": {"endpoint_name": self.STAGING, "version": "1"}})
        with pytest.raises(DeployError, match=r"never had version 9; it had: 1, 2$"):
            world.handle({"rollback": {"endpoint_name": self.STAGING, "version": "9"}})


@pytest.mark.parametrize(
    ("steps", "watched"),
    [
        ("a1 ok a2 ok", [True]),
        ("a1 ok a2 ok back ok", [True, False]),  # what 2 does wrong would end the way back to 1
        ("a1 ok a2 ok r2 ok", [True, False]),
        ("a1 ok a2 back ok ok", [True, False]),  # asked for while 2 comes, done when it is there
        ("a1 ok a2 ok r2 ok a3 ok", [True, False, True]),
    ],
)
def test_the_way_back_is_not_watched_by_alarms(
    world: World, steps: str, watched: list[bool]
) -> None:
    with world.requests("UpdateEndpoint") as updates:
        run(world, steps)
    alarms = ["AutoRollbackConfiguration" in update["DeploymentConfig"] for update in updates]
    assert alarms == watched


def test_another_projects_configurations_are_left_alone(world: World) -> None:
    """Its group's name holds this one's; IAM lets nobody here read its tags."""
    config = world.handle(world.decide("a", "1"))["endpoint_config_name"]
    run(world, "ok")
    known = world.client.describe_endpoint_config(EndpointConfigName=config)
    # Newer than all of ours.
    others = [f"{other}--1-681231235959000-abcdef" for other in (f"my-{GROUP}", f"{GROUP}-uk")]
    names = (f"{GROUP}--1-999999999999999-abcdef", f"{GROUP}--1-681231235959000-abcdef")
    for name in (*others, *names):  # one holds no time, and none says what it is for
        world.client.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=known["ProductionVariants"],
            Tags=[{"Key": "endpoint", "Value": PRODUCTION}],
        )
    with world.requests("ListTags") as asked:
        run(world, "a2 ok")
    assert asked
    assert not any(request["ResourceArn"].endswith(tuple(others)) for request in asked)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"endpoint": PRODUCTION},
        {
            "endpoint": "dogs-uk-production",
            "model-package-arn": f"{PREFIX}:model-package/dogs-uk/3",
        },
        {"endpoint": PRODUCTION, "model-package-arn": "mine", "decided-at": "2026-11-21"},
        {"endpoint": PRODUCTION, "model-package-arn": "mine", "decided-at": "on Monday"},
    ],
)
def test_whatever_a_person_put_there_is_left_and_replaced_by_the_next_approval(
    world: World, tags: dict[str, str]
) -> None:
    """Also what is another project's, whose versions nobody here may look at."""
    run(world, "a1 ok")
    variant = {"VariantName": "Mine", "ModelName": "mine", **ONE_INSTANCE}
    container = {"Image": "image:1"}
    world.client.create_model(ModelName="mine", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    world.client.create_endpoint_config(
        EndpointConfigName="my-own-config",
        ProductionVariants=[variant],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    world.client.update_endpoint(EndpointName=PRODUCTION, EndpointConfigName="my-own-config")
    with world.requests("DescribeModelPackage") as asked:
        answer = world.handle(world.end(well=True))
        world.handle(world.decide("r", "2"))
    assert "somebody brought it to my-own-config" in answer["reason"]
    assert all(f"/{GROUP}/" in request["ModelPackageName"] for request in asked)
    run(world, "a3 ok")
    assert world.state == "3"


def test_the_way_back_from_a_rejected_version_is_written_down(world: World) -> None:
    run(world, "a1 ok a2 ok")
    config = world.store.get("Endpoint", PRODUCTION)["EndpointConfigName"]
    run(world, "r2")
    arn = world.client.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    tags = {one["Key"]: one["Value"] for one in world.client.list_tags(ResourceArn=arn)["Tags"]}
    assert tags["left-for"] == world.package(1)
    assert "left-at" in tags


def test_names_and_tags_tell_the_history(world: World) -> None:
    answer = world.handle(world.decide("a", "1"))
    name = answer["endpoint_config_name"]
    arn = f"{PREFIX}:endpoint-config/{name}"
    tags = {t["Key"]: t["Value"] for t in world.client.list_tags(ResourceArn=arn)["Tags"]}
    assert name.startswith("dogs--1-")
    assert len(name) <= 63
    assert (tags["endpoint"], tags["model-package-arn"]) == (PRODUCTION, world.package(1))
    assert tags["decided-at"] == tags["stands-for"]
