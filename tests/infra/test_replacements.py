"""A stack that an older template made is updated: nothing in it is removed or made anew.

made_before.json holds what the stack of an older template has, with monitoring, a retraining and a
build: each resource's type, and the properties that cannot change without a new one in its place.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.template_support import (
    KEYS,
    NETWORK,
    REALTIME,
    settings_with,
    template_for,
)

BEFORE: dict[str, tuple[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("made_before.json").read_text(encoding="utf-8")
)
MONITORED = "monitor={enabled: true, retrain: true}"


@pytest.mark.parametrize(
    "overrides",
    [
        (MONITORED,),
        (MONITORED, "notify={emails: [me@example.org], webhook: 'https://a.b/c'}"),
        (MONITORED, NETWORK, REALTIME, *KEYS),
    ],
    ids=["the same settings", "with people to tell", "in a network, under keys"],
)
def test_nothing_of_an_older_stack_is_removed_or_replaced(overrides: tuple[str, ...]) -> None:
    template = template_for(settings_with(*overrides))
    made = template.resources()
    assert not BEFORE.keys() - made.keys()
    replaced = {
        (name, what)
        for name, (kind, _) in BEFORE.items()
        for what in _fixed(kind)
        if made[name].get(what) != BEFORE[name][1].get(what)
    }
    assert not replaced
    kinds = {name: template.body["Resources"][name]["Type"] for name in BEFORE}
    assert kinds == {name: kind for name, (kind, _) in BEFORE.items()}


def test_what_holds_work_is_among_them() -> None:
    """An endpoint is none of the stack's: the function makes it, and the stack keeps its name."""
    assert {"Bucket", "ModelPackageGroup", "DeployFunction", "AlarmTopic"} <= BEFORE.keys()


def _fixed(kind: str) -> list[str]:
    """Return the properties of a type that AWS's specification of resources calls create-only."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    paths = (one.removeprefix("/properties/") for one in schema.get("createOnlyProperties", []))
    return sorted({one.partition("/")[0] for one in paths})
