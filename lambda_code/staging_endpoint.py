"""Bring what pipelines deploy to the staging endpoint: one update at a time, the last asked next.

Whoever deploys first writes into the endpoint's tags what it shall have, then looks at it. When it
is busy the event at its end looks again. So nobody waits inside a function; of those that wait the
last to ask is next, and the ones before it are superseded.

- `wanted-deployment`: the configuration that was asked for last.
- `last-deployment`: the last one that was begun; when both are equal nothing waits, however it
  ended: what SageMaker brought back is not tried again until somebody asks for it.
- `failed-deployment`: one that did not come into service, before another one took its place.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deployment_errors import EndpointBusyError
from endpoint_calls import (
    describe_endpoint,
    goal_of,
    is_absent,
    is_busy,
    tag_list,
    tags_of,
)
from endpoint_kinds import FAILED, bring_across
from endpoint_plan import Plan
from production_endpoint import Clients

WANTED, BEGUN = "wanted-deployment", "last-deployment"
_NONE = "-"
_ATTEMPTS = 5


def bring_in_turn(clients: Clients, plan: Plan, config: str) -> dict[str, str]:
    """Bring the endpoint to `config` now, or leave a note for the event at its update's end.

    Returns `action` (created, updated, replaced, unchanged, waiting, superseded) and
    `superseded`, a configuration that waited and will not come. Raises EndpointBusyError when it is
    never deleted.
    """
    client, name = clients.sagemaker, plan.endpoint_name
    for _ in range(_ATTEMPTS):
        endpoint = describe_endpoint(client, name)
        if endpoint and endpoint["EndpointStatus"] not in ("Failed", "Deleting"):
            tags = tags_of(client, endpoint["EndpointArn"])
            before = _waiting(endpoint, tags)
            failed = _failed(endpoint, tags)
            noted = {**tags, **failed}
            again = {tag: _NONE for tag in (BEGUN, FAILED) if noted.get(tag) == config}
            if _note(client, endpoint, {WANTED: config, **failed, **again}):
                # Looked at after the note: the event of an end before it found nothing to do.
                action, taken = take_turn(clients, plan)
                action = action if taken == config else "superseded"
                return {"action": action, "superseded": "" if before == config else before}
        elif action := _made(clients, plan, config, endpoint):
            return {"action": action, "superseded": ""}
    raise EndpointBusyError(f"endpoint {name} is made and deleted by others: try again later")


def take_turn(clients: Clients, plan: Plan) -> tuple[str, str]:
    """Begin what waits for the endpoint, if it is at rest; return what was done, and with what."""
    client = clients.sagemaker
    endpoint = describe_endpoint(client, plan.endpoint_name)
    if endpoint is None:
        return "unchanged", ""
    tags = tags_of(client, endpoint["EndpointArn"])
    wanted = tags.get(WANTED, "")
    if goal_of(endpoint) == wanted and tags.get(BEGUN) != wanted:
        _note(client, endpoint, {BEGUN: wanted})
    if not _waiting(endpoint, tags):
        return "unchanged", wanted
    if is_busy(endpoint):
        return "waiting", wanted
    note = {WANTED: wanted, BEGUN: wanted, **_failed(endpoint, tags)}
    try:
        done = bring_across(client, plan, wanted, tags=note, sleep=clients.sleep)
    except EndpointBusyError:
        return "waiting", wanted  # somebody was faster: the event of that end looks again
    if done == "updated":
        # Not what is wanted: that may have been written anew meanwhile.
        del note[WANTED]
        _note(client, endpoint, note)
    return done, wanted


def _made(clients: Clients, plan: Plan, config: str, failed: Mapping[str, Any] | None) -> str:
    """Make an endpoint that is not there, or `failed`; empty when somebody else was faster."""
    note = {WANTED: config, BEGUN: config}
    if failed and (gone := goal_of(failed)) not in ("", config):
        note[FAILED] = gone
    try:
        return bring_across(clients.sagemaker, plan, config, tags=note, sleep=clients.sleep)
    except EndpointBusyError:
        endpoint = describe_endpoint(clients.sagemaker, plan.endpoint_name) or {}
        if endpoint.get("EndpointStatus") == "Deleting":
            raise  # it was awaited already
        return ""


def _waiting(endpoint: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """Return the configuration that waits for the endpoint; empty when none does."""
    wanted = tags.get(WANTED, "")
    return "" if wanted in (tags.get(BEGUN, ""), goal_of(endpoint)) else wanted


def _failed(endpoint: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, str]:
    """Return a note of what was begun when the endpoint, at rest, does not serve it."""
    begun = tags.get(BEGUN, _NONE)
    serves = endpoint["EndpointStatus"] != "Failed" and goal_of(endpoint) == begun
    return {} if is_busy(endpoint) or serves or begun == _NONE else {FAILED: begun}


def _note(client: Any, endpoint: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    """Write tags; False when the endpoint is gone."""
    try:
        client.add_tags(ResourceArn=endpoint["EndpointArn"], Tags=tag_list(tags))
    except ClientError as error:
        if not is_absent(error):
            raise
        return False
    return True
