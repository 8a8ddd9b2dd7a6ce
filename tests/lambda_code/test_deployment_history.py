"""What was decided is found again, and in its order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployment_history import Decision, history, remember_as, take_back
from tests.lambda_code.deploy_support import PREFIX, PRODUCTION, ROLE, World, run

MOMENT = datetime(2026, 11, 21, 10, 0, 0, 998_600, tzinfo=UTC)  # what is left of 999 ms is cut


def _decision(group: str, version: int, milliseconds: int) -> Decision:
    moment = MOMENT + timedelta(milliseconds=milliseconds)
    return Decision(f"{PREFIX}:model-package/{group}/{version}", moment, moment)


@pytest.fixture
def rest(world: World) -> dict[str, Any]:
    """What else the endpoint configurations have."""
    container = {"Image": "image:1"}
    world.client.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1}
    return {"ProductionVariants": [variant]}


@pytest.mark.parametrize("group", ["dogs", "a" * 63, "a-" * 31 + "a", "a--b", "a" * 38 + "--b"])
def test_the_newest_is_first_whatever_the_group_is_called(
    world: World, rest: dict[str, Any], group: str
) -> None:
    written = [(10, 1), (8, 0), (9, 1), (7, 2)]  # versions, and when they were decided on
    for version, milliseconds in written:
        decision = _decision(group, version, milliseconds)
        record = remember_as(world.client, PRODUCTION, decision, rest)
        assert len(record.config) <= 63
        assert record.config.startswith(f"{group[:38]}--")
    found = history(world.client, group, PRODUCTION, only_decided=True)
    assert [one.place[1] for one in found] == [7, 10, 9, 8]


def test_groups_whose_names_hold_this_one_are_not_even_looked_at(
    world: World, rest: dict[str, Any]
) -> None:
    """Their roles would let nobody here read the tags, and production would stand still."""
    groups = ("dogs", "dogs2", "dogs-uk", "my-dogs", "dogs-2")
    for version in range(1, 4):
        for group in groups:
            decision = _decision(group, version, version)
            remember_as(world.client, f"{group}-production", decision, rest)
    for group in groups:
        with world.requests("ListTags") as asked:
            found = list(history(world.client, group, f"{group}-production", only_decided=True))
        assert [one.package.rpartition("/")[0] for one in found] == [
            f"{PREFIX}:model-package/{group}"
        ] * 3
        assert len(asked) == 3


def test_of_one_decision_under_several_settings_the_last_written_is_first(
    world: World, rest: dict[str, Any]
) -> None:
    """What became of the last try is what is known of the decision."""
    written = []
    for count in range(1, 103):  # more than a page
        (variant,) = rest["ProductionVariants"]
        changed = {"ProductionVariants": [variant | {"InitialInstanceCount": count}]}
        record = remember_as(world.client, PRODUCTION, _decision("dogs", 1, 0), changed)
        written.append(record.config)
    found = history(world.client, "dogs", PRODUCTION, only_decided=True)
    assert [one.config for one in found] == written[::-1]


def test_a_decision_told_again_is_the_one_written_down(world: World, rest: dict[str, Any]) -> None:
    first = remember_as(world.client, PRODUCTION, _decision("dogs", 1, 0), rest)
    take_back(world.client, first.config)
    again = remember_as(world.client, PRODUCTION, _decision("dogs", 1, 0), rest)
    assert (again.config, again.is_taken_back) == (first.config, True)


def test_what_was_taken_back_is_marked_once(world: World) -> None:
    """Roles do not reach configurations under names of before; those were marked then."""
    run(world, "a1 ok a2 bad")
    with world.requests("AddTags") as asked:
        run(world, "=end =a1")
    assert asked == []
