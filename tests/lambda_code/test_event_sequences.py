"""What comes of events, however they come: a table, one line for each sequence.

Steps: `a1` version 1 is approved and the event arrives; `r1` it is rejected. `A1` and `R1` happen
and their event is lost on the way for now; `=a1` delivers it, or the last one once more. `p1` back
to pending, `x1` deleted. `ok` and `bad` end what the endpoint is at, and the event arrives; `OK`
and `BAD` without it, and `=end` delivers it. `back` rolls back, `back3` to version 3. `hand`:
somebody updates the endpoint in the console; `anew`: deletes it and makes another. A `?` behind a
step: it raises.
"""

import json

import pytest

from deployment_errors import DeployError
from tests.lambda_code.deploy_support import HOW, World, do, put_in_one_moment, run

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
    ("a1 ok a2 ok a3 ok back ok a4 ok back ok r2 ok", "1 2 3 2 4 2 1", "1"),  # never to 3 again
    ("a1 ok a2 ok a3 ok r2 back ok", "1 2 3 1", "1"),
    ("a1 ok a2 ok a3 ok back ok r2 ok", "1 2 3 2 1", "1"),  # not 3, which was rolled back
    ("a1 ok a2 ok back ok r2", "1 2 1", "1"),
    ("a1 ok a2 ok back ok r1 ok", "1 2 1 2", "2"),  # 2 was rolled back, 1 is rejected
    ("a1 ok a2 ok back ok r1 r2?", "1 2 1 2", "1>2"),
    ("a1 ok a2 ok back ok r1 ok r2?", "1 2 1 2", "2"),
    ("a2 ok a1 ok back ok r2 ok", "2 1 2 1", "1"),  # overtaken by a rollback, still approved
    ("a2 ok a1 ok back ok r2 ok =end =r2 =a1 =a2", "2 1 2 1", "1"),
    ("a2 ok a1 ok back ok r2 ok a2 ok", "2 1 2 1 2", "2"),
    ("a2 ok a1 ok back ok r2 ok back?", "2 1 2 1", "1"),
    ("a2 ok a1 ok back r2 ok", "2 1 2 1", "2>1"),
    ("a2 ok a1 ok back ok r2 bad?", "2 1 2 1", "2"),  # 1 does not come up any more
    ("a2 ok a1 ok back ok r2 bad? =end? a1 ok", "2 1 2 1 1", "1"),
    ("a3 ok a2 ok a1 ok back3 ok r3 ok", "3 2 1 3 1", "1"),  # of several the newest
    ("a3 ok a2 ok a1 ok back3 ok r1 r3 ok", "3 2 1 3 2", "2"),
    ("a3 ok a2 ok back ok r2 a1 ok r1 ok r3?", "3 2 3 1 3", "3"),
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
    ("a1 ok a2 ok a3 ok r1 p2 back? back1? back2?", "1 2 3", "3"),
    ("a1 ok a2 ok r2 ok a2 ok back ok", "1 2 1 2 1", "1"),  # not to 2's own earlier approval
    ("a1 ok a2 ok a3 ok back ok a4 bad back ok", "1 2 3 2 4 1", "1"),  # not to 3, rolled back
    ("a1 ok hand back?", "1", "?"),
    ("a1 ok hand back1 ok", "1 1", "1"),
    ("a1 ok anew", "1", "?"),
    ("a1 ok anew =end =a1", "1", "?"),
    ("a1 ok anew a2 ok", "1 2", "2"),
    ("a1 ok anew back1 ok", "1 1", "1"),
]


@pytest.mark.parametrize(("steps", "deployed", "state"), SEQUENCES, ids=[s[0] for s in SEQUENCES])
def test_what_comes_of_it(world: World, steps: str, deployed: str, state: str) -> None:
    for step in steps.split():
        if step.endswith("?"):
            with pytest.raises(DeployError):
                do(world, step[:-1])
        else:
            do(world, step)
    assert (" ".join(world.deployed), world.state) == (deployed, state)


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


# 1, 2 and 3 are approved in one moment, 1 is in service: a later version's approval is newer.
IN_ONE_MOMENT = [
    ("=a2 =a3 ok ok", "2 3", "3"),
    ("=a3 =a2 ok =end", "3", "3"),
    ("=a3 ok =a2 =a3", "3", "3"),
    ("=a3 =a2 ok r3 ok", "3 2", "2"),
    ("=a2 ok =a3 ok r3 ok", "2 3 2", "2"),
    ("=a3 =a2 ok r2 r3 ok", "3 1", "1"),
    ("=a3 ok =a2 back ok", "3 2", "2"),
    ("=a3 ok =a2 back ok r2 ok", "3 2 1", "1"),  # 3 was rolled back
    ("=a3 =a2 bad ok", "3 2", "2"),
    ("=a2 ok hand =a3 ok", "2 3", "3"),
    ("=a3 ok hand =a2", "3", "?"),
]


@pytest.mark.parametrize("only_seconds", [False, True])
@pytest.mark.parametrize(
    ("steps", "deployed", "state"), IN_ONE_MOMENT, ids=[s[0] for s in IN_ONE_MOMENT]
)
def test_of_approvals_in_one_moment_the_later_versions_counts(
    world: World, steps: str, deployed: str, state: str, only_seconds: bool
) -> None:
    run(world, "A1 A2 A3")
    put_in_one_moment(*(world.events[f"a{n}"] for n in "123"), only_seconds=only_seconds)
    run(world, f"=a1 ok {steps}")
    assert (" ".join(world.deployed), world.state) == (f"1 {deployed}", state)


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("other", ["2", "3"])
@pytest.mark.parametrize("in_one_moment", [False, True])
def test_two_approvals_at_once_end_with_the_later_one(
    world: World, operation: str, other: str, in_one_moment: bool
) -> None:
    """The other's handler does all of its work just before any one request of the first."""
    run(world, "a1 ok A2 A3")
    if in_one_moment:
        put_in_one_moment(world.events["a2"], world.events["a3"])
    first = "3" if other == "2" else "2"
    with world.before(operation, lambda: do(world, f"=a{other}")):
        do(world, f"=a{first}")
    while world.awaited:
        do(world, "ok")
    assert world.state == "3"


@pytest.mark.parametrize("operation", REQUESTS)
def test_a_rejection_amid_an_approval_wins(world: World, operation: str) -> None:
    run(world, "a1 ok A2")

    def reject() -> None:
        do(world, "r2")

    with world.before(operation, reject):
        try:
            do(world, "=a2")
        except Exception as error:  # SageMaker makes no model of it any more
            assert "not approved" in str(error)
            do(world, "=a2")  # Lambda tries again
    while world.awaited:
        do(world, "ok")
    assert world.state == "1"


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("end", ["ok", "bad"])
def test_what_was_cut_off_is_done_when_lambda_tries_again(
    world: World, operation: str, end: str
) -> None:
    run(world, "a1 ok A2")
    with world.before(operation, _crash), pytest.raises(ConnectionError):
        do(world, "=a2")
    do(world, "=a2")
    do(world, end)
    if world.awaited:
        # Cut off right after the update had begun, it did not note that it had: one more try.
        assert (operation, end) == ("AddTags", "bad")
        do(world, end)
    do(world, "=end")
    assert world.state == {"ok": "2", "bad": "1"}[end]
    assert world.awaited is None


def _crash() -> None:
    raise ConnectionError("the machine went away")


def test_a_failure_stays_one_when_the_settings_change(world: World) -> None:
    run(world, "a1 ok A2 =a2 OK a3")
    world.environment["DEPLOYMENT"] = json.dumps({**HOW, "instance_type": "ml.c5.large"})
    run(world, "OK =end r3 BAD =end =end =a2")
    assert (world.deployed, world.state) == (["1", "2", "3", "2", "1"], "3>1")
    run(world, "ok =end =a2")
    assert world.state == "1"
