"""Any decisions, whose events come in any order and more than once: the last that stands wins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployment_errors import DeployError
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import Event, World, put_in_one_moment

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
    while world.awaited:
        _deliver(world, world.end(well=True))
    if stands:
        assert world.state == max(stands, key=lambda number: (stands[number], number))


def _deliver(world: World, event: Event) -> None:
    try:
        world.handle(event)
    except DeployError as error:  # it has a rejected one and there is nothing else
        assert "nothing approved before it is left" in str(error)
