"""What comes of events, however they come: a table, one line for each sequence.

Steps: `a1` version 1 is approved and the event arrives; `r1` it is rejected. `A1` and `R1` happen
and their event is lost on the way for now; `=a1` delivers it, or the last one once more. `p1` back
to pending, `x1` deleted. `ok` and `bad` end what the endpoint is at, and the event arrives; `OK`
and `BAD` without it, and `=end` delivers it. `back` rolls back, `back3` to version 3. `hand`:
somebody updates the endpoint in the console. A `?` behind a step: it raises.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from deployment_errors import DeployError, EndpointBusyError, NothingToReturnToError
from pipeline.local.client import sagemaker_client
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import GROUP, HOW, PREFIX, PRODUCTION, ROLE, World

# What happens, the versions that are deployed for it, and the endpoint's state in the end.
SEQUENCES = [
    # approvals
    ("a1", "1", ">1"),
    ("a1 ok", "1", "1"),
    ("a3 ok", "3", "3"),  # never the newest one registered
    ("a1 ok a2", "1 2", "1>2"),
    ("a1 ok a2 ok", "1 2", "2"),
    ("a2 ok a1 ok", "2 1", "1"),  # an older version approved later is what was decided last
    ("a1 ok a2 ok a3 ok a4 ok", "1 2 3 4", "4"),
    # twice
    ("a1 =a1 ok =a1 =a1", "1", "1"),
    ("a1 ok a2 =a2 ok =a2", "1 2", "2"),
    ("a1 ok a1", "1", "1"),  # approved once more: nothing new
    ("a1 ok =end =end", "1", "1"),
    ("a1 ok a2 ok =a1", "1 2", "2"),  # a late duplicate does not bring 1 back
    ("a1 ok a2 =a1 ok =a1 =end", "1 2", "2"),
    ("a1 ok a2 ok r2 ok =r2 =r2 =end", "1 2 1", "1"),
    # in another order
    ("A1 A2 =a2 =a1 ok", "2", "2"),
    ("A1 A2 =a2 ok =a1", "2", "2"),
    ("A1 A2 =a2 ok =a1 r2 ok", "2 1", "1"),  # 1 was approved before, though it never ran
    ("A1 A2 A3 =a2 ok =a3 ok =a1 =a2", "2 3", "3"),
    ("a1 ok A2 R2 =r2 =a2", "1", "1"),
    ("a1 ok A2 R2 =a2 =r2", "1", "1"),
    ("a1 ok A2 R2 a2 ok =r2", "1 2", "2"),
    ("a1 ok R1 A1 =a1 =r1", "1", "1"),
    ("A1 R1 =r1 =a1", "", "-"),
    # late: what it says is no longer so
    ("A1 p1 =a1", "", "-"),
    ("A1 x1 =a1", "", "-"),
    ("a1 ok A2 x2 =a2", "1", "1"),
    ("a1 ok A2 p2 =a2", "1", "1"),
    # rejections
    ("r1", "", "-"),
    ("a1 ok r2", "1", "1"),
    ("a1 ok a2 ok r1", "1 2", "2"),  # not the one in production
    ("a1 ok a2 ok r2 ok", "1 2 1", "1"),
    ("a1 ok a2 ok a3 ok r3 ok r2 r1?", "1 2 3 2 1", "2>1"),
    ("a1 ok a2 ok a3 ok r3 ok r2 ok r1?", "1 2 3 2 1", "1"),
    ("a1 ok a2 ok a3 ok r2 r3 ok", "1 2 3 1", "1"),
    ("a2 ok a1 ok r1 ok", "2 1 2", "2"),
    ("a1 ok r1?", "1", "1"),  # nothing to go back to: it stays, and the alarm rings
    ("a1 ok r1? a2 ok", "1 2", "2"),
    ("a1 ok r1? a1", "1", "1"),
    ("a1 ok a2 ok p2 =end", "1 2", "2"),  # a doubt is no rejection
    ("a1 ok a2 ok p1 r2?", "1 2", "2"),  # 1 may not come back unless it is approved
    ("a1 ok a2 ok x1 r2?", "1 2", "2"),
    ("a1 ok a2 ok a3 ok x2 r3 ok", "1 2 3 1", "1"),
    ("a1 ok a2 ok x2 =end", "1 2", "2"),
    # approved, rejected, approved
    ("a1 ok a2 ok r2 ok a2 ok", "1 2 1 2", "2"),
    ("a1 ok a2 r2 a2 ok", "1 2", "2"),
    ("a1 r1? a1 ok", "1", "1"),
    ("a1 ok a2 ok r2 a2 ok ok", "1 2 1 2", "2"),
    ("a1 ok a2 ok r2 ok a2 ok =r2 =a1", "1 2 1 2", "2"),
    # while it is busy: the event of the end goes on
    ("a1 a2", "1", ">1"),
    ("a1 a2 ok", "1 2", "1>2"),
    ("a1 a2 ok ok", "1 2", "2"),
    ("a1 a2 a3 ok ok", "1 3", "3"),  # 2 was overtaken
    ("a1 ok a2 r2 ok ok", "1 2 1", "1"),
    ("a1 ok a2 a3 r3 ok", "1 2", "2"),
    ("a1 ok a2 a3 x3 ok", "1 2", "2"),
    ("a1 ok a2 A3 OK =a3 =end ok", "1 2 3", "3"),
    ("a1 ok a2 A3 OK =end =a3 ok", "1 2 3", "3"),
    # updates that fail: SageMaker goes back, and so does what was decided
    ("a1 ok a2 bad", "1 2", "1"),
    ("a1 ok a2 bad =end =end", "1 2", "1"),
    ("a1 ok a2 bad =a2", "1 2", "1"),
    ("a1 ok a2 bad a1 =a2", "1 2", "1"),
    ("a1 ok a2 bad a2 ok", "1 2 2", "2"),  # approved again: tried again
    ("a1 ok a2 bad a2 bad =end", "1 2 2", "1"),
    ("a1 ok a2 bad a3 ok", "1 2 3", "3"),
    ("a1 ok a2 bad a3 ok r3 ok", "1 2 3 1", "1"),  # not 2, which failed
    ("a1 ok a2 bad r2", "1 2", "1"),
    ("a1 ok a2 bad r1?", "1 2", "1"),
    ("a1 ok a2 a3 bad ok", "1 2 3", "3"),
    ("a1 ok a2 ok a3 ok r3 bad", "1 2 3 2 1", "3>1"),  # 2 does not come back: then 1
    ("a1 ok a2 ok a3 ok r3 bad ok", "1 2 3 2 1", "1"),
    ("a1 ok a2 ok a3 ok r3 bad bad?", "1 2 3 2 1", "3"),
    ("a1 ok a2 ok a3 ok r3 bad bad? =end?", "1 2 3 2 1", "3"),
    ("a1 ok a2 BAD a3 ok r3 ok", "1 2 3 1", "1"),
    ("a1 bad?", "1", "!1"),  # a first one that fails has nothing to go back to
    ("a1 bad? =end? =a1?", "1", "!1"),
    ("a1 bad? a2 ok", "1 2", "2"),
    ("a1 bad? a1 ok", "1 1", "1"),
    ("a2 bad? A1 =a1 ok", "2 1", "1"),
    ("A1 a2 =a1 bad ok", "2 1", "1"),  # approved before, so it takes the place
    # by hand: nobody is fought
    ("a1 ok hand", "1", "?"),
    ("a1 ok hand =end =a1", "1", "?"),
    ("a1 ok hand r1", "1", "?"),
    ("a1 ok hand a2 ok", "1 2", "2"),
    ("a1 ok hand a2 ok r2 ok", "1 2 1", "1"),
    ("a1 ok a2 ok hand r2 =a1", "1 2", "?"),
    ("a1 ok hand back1 ok =a1", "1 1", "1"),
    # rolled back
    ("a1 ok a2 ok back", "1 2 1", "2>1"),
    ("a1 ok a2 ok back ok", "1 2 1", "1"),
    ("a1 ok a2 ok back ok =end =a2 =a1", "1 2 1", "1"),  # though 2 is still approved
    ("a1 ok a2 ok back back ok back", "1 2 1", "1"),
    ("a1 ok a2 ok a3 ok back ok", "1 2 3 2", "2"),
    ("a1 ok a2 ok a3 ok back ok back1 ok", "1 2 3 2 1", "1"),
    ("a1 ok a2 ok a3 ok back1 ok back3 ok", "1 2 3 1 3", "3"),
    ("a1 ok a2 ok a3 ok back3 back3", "1 2 3", "3"),
    ("a1 ok a2 ok a3 ok back ok a4 ok back ok", "1 2 3 2 4 2", "2"),
    ("a1 ok a2 ok a3 ok r2 back ok", "1 2 3 1", "1"),
    ("a1 ok a2 ok a3 ok back ok r2 ok", "1 2 3 2 1", "1"),  # not 3, which was rolled back
    ("a1 ok a2 ok back ok r2", "1 2 1", "1"),
    ("a1 ok a2 ok back ok r1?", "1 2 1", "1"),
    ("a1 ok a2 ok back ok r2 a2 ok", "1 2 1 2", "2"),
    ("a1 ok a2 back", "1 2", "1>2"),  # it cannot be interrupted
    ("a1 ok a2 back back ok ok", "1 2 1", "1"),  # and goes back when it is done
    ("a1 ok a2 back bad", "1 2", "1"),
    ("a1 ok a2 ok back bad =end", "1 2 1", "2"),  # 1 does not come up any more: 2 stays
    ("a1 ok a2 bad back2 ok", "1 2 2", "2"),
    ("back?", "", "-"),
    ("a1 ok back?", "1", "1"),
    ("a1 ok back9?", "1", "1"),
    ("a1 ok back2?", "1", "1"),
    ("a1 ok a2 ok r1 back? back1?", "1 2", "2"),
    ("a1 ok hand back?", "1", "?"),
    ("a1 ok hand back1 ok", "1 1", "1"),
]


@pytest.fixture(scope="module")
def one_client(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Any]:
    """To make a client takes longer than a whole sequence, so all have the same one."""
    store = Store(tmp_path_factory.mktemp("state"))
    return store, sagemaker_client(store)


@pytest.fixture
def world(one_client: tuple[Store, Any], register_package: Callable[..., str]) -> World:
    return World(*one_client, register_package)


@pytest.mark.parametrize(("steps", "deployed", "state"), SEQUENCES, ids=[s[0] for s in SEQUENCES])
def test_what_comes_of_it(world: World, steps: str, deployed: str, state: str) -> None:
    for step in steps.split():
        if step.endswith("?"):
            with pytest.raises(DeployError):
                _do(world, step[:-1])
        else:
            _do(world, step)
    assert (" ".join(world.deployed), world.state) == (deployed, state)


def _do(world: World, step: str) -> None:
    letter, number = step[0], step[1:]
    if step == "hand":
        _update_by_hand(world)
    elif step.startswith("back"):
        asked: dict[str, Any] = {"endpoint_name": PRODUCTION, "version": step[4:] or None}
        world.handle({"rollback": asked})
    elif step.startswith("="):
        world.handle(world.events[number])
    elif step.lower() in ("ok", "bad"):
        event = world.end(well=step.lower() == "ok")
        if step.islower():
            world.handle(event)
    elif letter == "x":
        world.client.delete_model_package(ModelPackageName=world.package(number))
    else:
        event = world.decide(letter.lower(), number)
        if letter in "ar":
            world.handle(event)


def _update_by_hand(world: World) -> None:
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/other.tar.gz"}
    world.client.create_model(ModelName="other", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "other", "InitialInstanceCount": 1}
    world.client.create_endpoint_config(EndpointConfigName="other", ProductionVariants=[variant])
    world.client.update_endpoint(EndpointName=PRODUCTION, EndpointConfigName="other")
    world.handle(world.end(well=True))


# Every request that an approval over a running version comes to.
REQUESTS = [
    "DescribeModelPackage",
    "CreateModel",
    "CreateEndpointConfig",
    "DescribeEndpoint",
    "ListTags",
    "ListEndpointConfigs",
    "DescribeEndpointConfig",
    "UpdateEndpoint",
    "AddTags",
]


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("other", ["2", "3"])
def test_two_approvals_at_once_end_with_the_later_one(
    world: World, operation: str, other: str
) -> None:
    """The other's handler does all of its work just before any one request of the first."""
    _run(world, "a1 ok A2 A3")
    first = "3" if other == "2" else "2"
    with world.before(operation, lambda: _do(world, f"=a{other}")):
        _do(world, f"=a{first}")
    while world.awaited:
        _do(world, "ok")
    assert world.state == "3"


@pytest.mark.parametrize("operation", REQUESTS)
def test_a_rejection_amid_an_approval_wins(world: World, operation: str) -> None:
    _run(world, "a1 ok A2")

    def reject() -> None:
        _do(world, "r2")

    with world.before(operation, reject):
        try:
            _do(world, "=a2")
        except Exception as error:  # SageMaker makes no model of it any more
            assert "not approved" in str(error)
            _do(world, "=a2")  # Lambda tries again
    while world.awaited:
        _do(world, "ok")
    assert world.state == "1"


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("end", ["ok", "bad"])
def test_what_was_cut_off_is_done_when_lambda_tries_again(
    world: World, operation: str, end: str
) -> None:
    _run(world, "a1 ok A2")
    with world.before(operation, _crash), pytest.raises(ConnectionError):
        _do(world, "=a2")
    _do(world, "=a2")
    _do(world, end)
    if world.awaited:
        # Cut off right after the update had begun, it did not note that it had: one more try.
        assert (operation, end) == ("AddTags", "bad")
        _do(world, end)
    _do(world, "=end")
    assert world.state == {"ok": "2", "bad": "1"}[end]
    assert world.awaited is None


def _crash() -> None:
    raise ConnectionError("the machine went away")


def _run(world: World, steps: str) -> None:
    for step in steps.split():
        _do(world, step)


def test_a_failure_stays_one_when_the_settings_change(world: World) -> None:
    _run(world, "a1 ok A2 =a2 OK a3")
    world.environment["DEPLOYMENT"] = json.dumps({**HOW, "instance_type": "ml.c5.large"})
    _run(world, "OK =end r3 BAD =end =end =a2")
    assert (world.deployed, world.state) == (["1", "2", "3", "2", "1"], "3>1")
    _run(world, "ok =end =a2")
    assert world.state == "1"


class TestOthersEvents:
    def test_another_group_is_ignored(self, world: World) -> None:
        event = {**world.decide("a", "1")}
        event["detail"] = event["detail"] | {"ModelPackageGroupName": "cats"}
        answer = world.handle(event)
        assert (answer["action"], answer["reason"]) == ("ignored", "the group cats is not ours")
        assert world.state == "-"

    def test_another_endpoint_is_ignored(self, world: World) -> None:
        _run(world, "a1 OK A2")
        event = {**world.events["end"]}
        event["detail"] = event["detail"] | {"EndpointName": "dogs-staging"}
        assert world.handle(event)["action"] == "ignored"
        assert world.state == "1"

    def test_a_change_of_something_else_is_no_approval(self, world: World) -> None:
        _run(world, "a1 ok a2 ok")
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
        ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123", 1795255200123, "1795255200123"],
    )
    def test_times_as_sagemaker_writes_them(self, world: World, moment: Any) -> None:
        event = world.decide("a", "1")
        event["detail"]["LastModifiedTime"] = moment
        assert "-261121100000" in world.handle(event)["endpoint_config_name"]


def test_one_change_told_by_two_events_is_one_decision(world: World) -> None:
    _run(world, "a1 ok")
    world.handle(world.events["a1"] | {"id": "another", "time": "2099-01-01T00:00:00Z"})
    configs = world.client.list_endpoint_configs()["EndpointConfigs"]
    assert (len(configs), world.state) == (1, "1")


def test_a_version_that_is_registered_as_approved_is_deployed(
    world: World, register_package: Callable[..., str]
) -> None:
    _run(world, "a1 ok")
    uri = "s3://b/5.tar.gz"
    register_package(world.client, uri, GROUP, ModelApprovalStatus="Approved")
    world.collect()
    _run(world, "=a5 ok a2 ok =a5")
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
        from pipeline.local.operations_endpoints import awaited_config, finish_deployment

        config = awaited_config(world.store.get("Endpoint", self.STAGING))
        hosted = {"InstanceCount": 1, "VariantName": "AllTraffic"}
        assert config
        finish_deployment(world.store, self.STAGING, config, hosted)

    def test_it_leaves_production_alone(self, world: World) -> None:
        _run(world, "a1 ok")
        world.handle(self._event(world, "2"))
        assert world.state == "1"
        self._end(world)
        _run(world, "a3 ok")
        assert world.state == "3"

    def test_while_staging_is_busy_it_says_so_and_may_be_called_again(self, world: World) -> None:
        first = world.handle(self._event(world, "1"))
        assert world.handle(self._event(world, "1")) == first
        with pytest.raises(EndpointBusyError, match="dogs-staging is Creating"):
            world.handle(self._event(world, "2"))
        self._end(world)
        world.handle(self._event(world, "2"))

    def test_staging_is_rolled_back_to_what_it_ran_before(self, world: World) -> None:
        rollback = {"rollback": {"endpoint_name": self.STAGING}}
        first = world.handle(self._event(world, "1"))
        self._end(world)
        with pytest.raises(NothingToReturnToError):
            world.handle(rollback)
        world.handle(self._event(world, "2"))
        with pytest.raises(EndpointBusyError):
            world.handle(rollback)
        self._end(world)
        answer = world.handle(rollback)
        assert (answer["action"], answer["reason"]) == ("updated", "from dogs-2 back to dogs-1")
        self._end(world)
        again = world.handle(rollback)
        assert again["action"] == "unchanged"
        config = world.client.describe_endpoint_config(
            EndpointConfigName=again["endpoint_config_name"]
        )
        assert config["ProductionVariants"][0]["ModelName"] == first["model_name"]
        world.handle({"rollback": {"endpoint_name": self.STAGING, "version": 2}})
        self._end(world)
        world.decide("r", "1")
        with pytest.raises(DeployError, match="dogs-1 is Rejected"):
            world.handle({"rollback": {"endpoint_name": self.STAGING, "version": "1"}})


def test_names_and_tags_tell_the_history(world: World) -> None:
    answer = world.handle(world.decide("a", "1"))
    name = answer["endpoint_config_name"]
    arn = f"{PREFIX}:endpoint-config/{name}"
    tags = {t["Key"]: t["Value"] for t in world.client.list_tags(ResourceArn=arn)["Tags"]}
    assert name.startswith("dogs-1-")
    assert len(name) <= 63
    assert (tags["endpoint"], tags["model-package-arn"]) == (PRODUCTION, world.package(1))
    assert tags["decided-at"] == tags["stands-for"]
