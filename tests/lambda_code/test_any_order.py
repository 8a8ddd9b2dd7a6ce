"""Any decisions, whose events come in any order and more than once: the last that stands wins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deployment_errors import DeployError, NothingToReturnToError
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import PRODUCTION, Event, World, put_in_one_moment

BACK = {"rollback": {"endpoint_name": PRODUCTION}}
DECISION = st.tuples(st.sampled_from("aaar"), st.sampled_from("1234"), st.booleans())
DECISIONS = st.lists(DECISION, max_size=6)  # the boolean: in one moment with the one before


@pytest.fixture(scope="module")
def fresh(
    tmp_path_factory: pytest.TempPathFactory, register_package: Callable[..., str]
) -> Callable[[], World]:
    store = Store(Path(tmp_path_factory.mktemp("state")))
    client = sagemaker_client(store)
    return lambda: World(store, client, register_package)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(decisions=DECISIONS, data=st.data())
def test_production_ends_with_the_last_approval_that_stands(
    fresh: Callable[[], World], decisions: list[tuple[str, str, bool]], data: Any
) -> None:
    world, waiting, seen = fresh(), [], []
    decided: list[Event] = []
    stands: dict[str, str] = {}  # approved versions, and when
    for letter, number, at_once in decisions:
        decided.append(world.decide(letter, number))
        waiting.append(decided[-1])
        if at_once:
            put_in_one_moment(*decided[-2:])
        stands.pop(number, None)
        if letter == "a":
            stands[number] = decided[-1]["detail"]["LastModifiedTime"]
        if data.draw(st.booleans(), "deliver one"):
            seen.append(waiting.pop(data.draw(st.integers(0, len(waiting) - 1), "which")))
            _deliver(world, seen[-1])
        if world.awaited and data.draw(st.booleans(), "the deployment ends"):
            waiting.append(world.end(well=True))
    again = data.draw(st.lists(st.sampled_from(seen), max_size=2) if seen else st.just([]))
    for event in data.draw(st.permutations(waiting + again), "the rest"):
        _deliver(world, event)
    _settle(world)
    if stands:
        assert world.state == max(stands, key=lambda number: (stands[number], number))


STEP = st.tuples(st.sampled_from("aaarrb"), st.sampled_from("123"))


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=[("a", "2"), ("a", "1"), ("b", ""), ("r", "2")])
@given(steps=st.lists(STEP, max_size=6))
def test_no_rejected_version_is_served_while_an_approved_one_is_left(
    fresh: Callable[[], World], steps: list[tuple[str, str]]
) -> None:
    """Approvals, rejections and rollbacks one after the other, each to its end."""
    world, approved = fresh(), set[str]()
    for letter, number in steps:
        before = world.state
        told = world.decide(letter, number) if letter in "ar" else BACK
        if letter in "ar":
            (approved.add if letter == "a" else approved.discard)(number)
        _deliver(world, told)
        _settle(world)
        assert world.state in approved or not approved
        if letter == "a":
            assert world.state == number
        if letter == "r" and number != before:
            assert world.state == before
        after = world.state
        _deliver(world, told)
        _settle(world)
        assert world.state == after  # though it was told twice


def _settle(world: World) -> None:
    while world.awaited:
        _deliver(world, world.end(well=True))


def _deliver(world: World, event: Event) -> None:
    try:
        world.handle(event)
    except NothingToReturnToError as error:  # it has a rejected one and there is nothing else
        assert "rollback" in event or "no other approved version can take its" in str(error)
    except DeployError as error:
        assert "there is no endpoint" in str(error)
