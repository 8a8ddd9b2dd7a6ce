"""A staging endpoint that costs by the hour is deleted when it is old, and nothing else is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployment_errors import DeployError
from pipeline.local.store import Store
from production_endpoint import Clients
from staging_expiry import delete_expired
from tests.lambda_code.deploy_support import no_scaling
from tests.lambda_code.test_staging_endpoint import STAGING, Staging

READY = {"memory_size_mb": 2048, "max_concurrency": 5, "provisioned_concurrency": 1}


@pytest.fixture
def world(one_client: tuple[Store, Any], register_package: Callable[..., str]) -> Staging:
    return Staging(*one_client, register_package)


def expire(world: Staging, hours: float) -> str:
    """What is done when the endpoint's last change is so many hours ago, and 24 is its limit."""
    now = datetime.now(UTC) + timedelta(hours=hours)
    clients = Clients(world.client, no_scaling, lambda _: None)
    return delete_expired(clients, STAGING, 24, now)["action"]


@pytest.mark.parametrize(
    ("steps", "hours", "action"),
    [
        ("d1 ok", 23.9, "unchanged"),
        ("d1 ok", 24.1, "deleted"),
        ("d1 bad", 24.1, "deleted"),
        ("d1", 24.1, "unchanged"),  # busy: the next hour looks again
        ("s1 ok", 24.1, "unchanged"),  # costs nothing while nobody asks
        ("", 24.1, "unchanged"),
    ],
)
def test_only_what_costs_and_is_old_is_deleted(
    world: Staging, steps: str, hours: float, action: str
) -> None:
    for step in steps.split():
        world.do(step)
    assert expire(world, hours) == action
    assert bool(world.staged) == (bool(steps) and action != "deleted")


def test_places_kept_ready_cost_by_the_hour(
    world: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.lambda_code.test_staging_endpoint.SERVERLESS", READY)
    for step in ("s1", "ok"):
        world.do(step)
    assert expire(world, 24.1) == "deleted"


def test_one_whose_configuration_is_gone_may_cost(world: Staging) -> None:
    for step in ("s1", "ok"):
        world.do(step)
    world.store.delete("EndpointConfig", world.staged["EndpointConfigName"])
    assert expire(world, 24.1) == "deleted"


def test_the_clocks_event_looks_at_staging(world: Staging) -> None:
    world.environment["STAGING_EXPIRE_HOURS"] = "24"
    world.do("d1")
    world.do("ok")
    assert world.handle({"expire": "staging"})["action"] == "unchanged"


@pytest.mark.parametrize(
    ("kind", "hours", "message"),
    [
        ("production", "24", "'production' does not expire"),
        ("staging", "0", "lacks STAGING_ENDPOINT or STAGING_EXPIRE_HOURS"),
        ("staging", "", "lacks STAGING_ENDPOINT or STAGING_EXPIRE_HOURS"),
    ],
)
def test_nothing_else_expires(world: Staging, kind: str, hours: str, message: str) -> None:
    world.environment["STAGING_EXPIRE_HOURS"] = hours
    with pytest.raises(DeployError, match=message):
        world.handle({"expire": kind})
