"""Keep the production endpoint at the version that was decided on last and still stands.

Whatever happened, the same is done: look at the decisions, the registry and the endpoint as they
are now, and take one step. So it does not matter how often or in which order it is called.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deployment_errors import DeployError, EndpointBusyError, NothingToReturnToError
from deployment_history import (
    Decision,
    Record,
    group_of,
    history,
    merged,
    note_left,
    read_record,
    remember,
    take_back,
    title_of,
)
from deployment_inputs import PackageEvent, Production
from endpoint_calls import (
    bring_to,
    describe_endpoint,
    found,
    goal_of,
    is_busy,
    tag_list,
    tags_of,
)
from endpoint_plan import unwatched
from endpoint_scaling import apply_scaling, remove_scaling
from kept_models import kept_container
from rollback_news import tell_of_rollback
from telling import Tell

_LAST = "last-deployment"
_OVER = "last-deployment-over"
_LISTING_SECONDS = 3.0
Outcome = dict[str, str]


def _no_objects() -> Any:
    raise DeployError("models stay where they are here: leave MODELS out")


@dataclass(frozen=True)
class Clients:
    """The AWS clients; those of Auto Scaling and S3 (`objects`) are made when they are needed.

    `tell` tells people, where somebody wants to be told.
    """

    sagemaker: Any
    scaling: Callable[[], Any]
    sleep: Callable[[float], None] = time.sleep
    objects: Callable[[], Any] = _no_objects
    tell: Tell | None = None


def on_package_event(production: Production, event: PackageEvent, clients: Clients) -> Outcome:
    """Handle the approval or rejection of a version. Raises DeployError."""
    if event.group != production.group:
        return answer("ignored", f"the group {event.group} is not ours", production)
    client, made = clients.sagemaker, None
    is_approval = event.is_decision and event.status == "Approved"
    if is_approval and approval_of(client, event.package) == "Approved":
        decision = Decision(event.package, event.moment, event.moment)
        made = write_down(production, clients, decision)
    done = reconcile(production, clients, made)
    if done["action"] == "waiting":
        # The update may just have ended, too early to see this decision in a listing.
        clients.sleep(_LISTING_SECONDS)
        done = reconcile(production, clients, made)
    return done


def reconcile(production: Production, clients: Clients, made: Record | None = None) -> Outcome:
    """Take the one step that brings the endpoint nearer to what it should run, if there is any.

    `made` is a decision written down just now. Raises NothingToReturnToError, and DeployError for
    an endpoint that failed and cannot be mended. People hear of a deployment that was rolled back;
    when they cannot be told, that is raised after the step, which does not wait for it.
    """
    client, name = clients.sagemaker, production.plan.endpoint_name
    endpoint = describe_endpoint(client, name)
    tags = tags_of(client, endpoint["EndpointArn"]) if endpoint else {}
    failed = _note_what_failed(clients, endpoint, tags) if endpoint else None
    unheard = tell_of_rollback(client, clients.tell, endpoint, failed)
    done = _step(production, clients, endpoint, tags, failed=failed, made=made)
    if unheard:
        raise unheard
    return done


def _step(
    production: Production,
    clients: Clients,
    endpoint: Mapping[str, Any] | None,
    tags: Mapping[str, str],
    *,
    failed: str | None,
    made: Record | None,
) -> Outcome:
    client, name = clients.sagemaker, production.plan.endpoint_name
    current = current_record(client, endpoint, production.group)
    records = merged(history(client, production.group, name, only_decided=True), made)
    # What was just noted a listing may not show for a moment.
    records = (_marked(record, failed) for record in merged(records, current))
    wanted = choose(records, current, lambda package: approval_of(client, package))
    if wanted is None:
        return _nothing_wanted(production, endpoint, current)
    if current and current.package == wanted.package:
        return _settled(production, clients, endpoint, current)
    if endpoint and not current and _was_replaced(client, endpoint, tags, wanted):
        reason = f"somebody brought it to {goal_of(endpoint)}; the next approval ends that"
        return answer("unchanged", reason, production)
    is_earlier = current is not None and wanted.place < current.place
    is_return = wanted.is_rollback or is_earlier
    done = _deploy(production, clients, endpoint, wanted, is_return=is_return)
    if current and is_earlier and done["action"] in ("created", "updated"):
        # No decision tells of it: what it goes back to was decided on before.
        note_left(client, current.config, wanted.package)
    return done


def choose(
    records: Iterable[Record],
    current: Record | None,
    approval: Callable[[str], str],
    *,
    or_undone: bool = True,
) -> Record | None:
    """Return the newest decision that stands, of records sorted newest first; None without one.

    The version that the endpoint has stands until it is rejected; another must be approved. A
    rollback also undoes what was decided between it and the approval that it goes back to. With
    `or_undone` that counts when nothing else stands: it is approved, and what was rejected is not.
    """
    goal = current.config if current else ""
    undone_from = None
    failed: set[str] = set()
    undone: list[Record] = []

    def stands(record: Record) -> bool:
        status = approval(record.package)
        return status == "Approved" or (record.config == goal and status != "Rejected")

    for record in records:
        if record.is_taken_back:
            failed.add(record.package)
        may_run = record.config == goal or record.package not in failed
        if undone_from and record.place >= undone_from:
            undone += [record] if may_run else []
        elif may_run and stands(record):
            return record
        elif record.package not in failed:
            undone_from = record.approval_place
    return next(filter(stands, undone), None) if or_undone else None


def approval_of(client: Any, package: str) -> str:
    """Return a version's approval as it is now; "Gone" when the version was deleted."""
    described = found(client.describe_model_package, ModelPackageName=package)
    return str(described.get("ModelApprovalStatus", "")) if described else "Gone"


def current_record(client: Any, endpoint: Mapping[str, Any] | None, group: str) -> Record | None:
    """Return the record of what the endpoint runs or is being brought to, if it is one of ours.

    A version of another group, put there by hand, is not: we may not even ask for its approval.
    """
    if endpoint is None or endpoint["EndpointStatus"] == "Failed":
        return None
    record = read_record(client, goal_of(endpoint))
    is_ours = record is not None and group_of(record.package).casefold() == group.casefold()
    return record if is_ours else None


def write_down(production: Production, clients: Clients, decision: Decision) -> Record:
    """Write a decision down, with the model of its version. Raises DeployError."""
    container = container_of(clients, decision.package, production.models)
    return remember(clients.sagemaker, production.plan, decision, container)


def container_of(clients: Clients, package: str, models: str) -> dict[str, Any]:
    """Return what a model of this version is made of. Raises DeployError.

    `models` is the s3:// folder of its copy; without one its model stays where it is.
    """
    client = clients.sagemaker
    if models:
        described = client.describe_model_package(ModelPackageName=package)
        return kept_container(described, models, clients.objects)
    return {"ModelPackageName": package}


def answer(
    action: str, reason: str, production: Production, record: Record | None = None
) -> Outcome:
    """Return what was done and why, for the log and for the caller."""
    return {
        "action": action,
        "reason": reason,
        "endpoint_name": production.plan.endpoint_name,
        "endpoint_config_name": record.config if record else "",
        "model_package_arn": record.package if record else "",
    }


def start(production: Production, clients: Clients, config: str, *, is_return: bool) -> str:
    """Bring the endpoint to a configuration, and note that in the endpoint's tags.

    Returns "created", "updated" or "unchanged". `is_return`: to what ran before, away from a
    version that may have set off the alarms. Raises EndpointBusyError.
    """
    client = clients.sagemaker
    plan = unwatched(production.plan) if is_return else production.plan
    endpoint = describe_endpoint(client, plan.endpoint_name)
    before = goal_of(endpoint) if endpoint else ""
    keeps = bool(before) and _keeps_count(production, clients, before)
    note = {_LAST: config, _OVER: before or "-"}
    done = bring_to(client, plan, config, tags=note, keeps_count=keeps, sleep=clients.sleep)
    if done == "updated" and endpoint:
        # Only now: an update that was refused must not count as one that was undone later.
        client.add_tags(ResourceArn=endpoint["EndpointArn"], Tags=tag_list(note))
    return done


def _deploy(
    production: Production,
    clients: Clients,
    endpoint: Mapping[str, Any] | None,
    wanted: Record,
    *,
    is_return: bool,
) -> Outcome:
    title = title_of(wanted.package)
    if endpoint and is_busy(endpoint) and endpoint["EndpointStatus"] != "Deleting":
        reason = f"{title} follows when the endpoint is no longer {endpoint['EndpointStatus']}"
        return answer("waiting", reason, production, wanted)
    # Under today's settings, which may not be those of the decision's day.
    config = write_down(production, clients, wanted).config
    try:
        done = start(production, clients, config, is_return=is_return)
    except EndpointBusyError as error:
        return answer("waiting", f"{title} follows: {error}", production, wanted)
    return answer(done, f"{title} is the newest decision that stands", production, wanted)


def _settled(
    production: Production,
    clients: Clients,
    endpoint: Mapping[str, Any] | None,
    current: Record,
) -> Outcome:
    title = title_of(current.package)
    if not endpoint or endpoint["EndpointStatus"] != "InService":
        return answer("unchanged", f"{title} is on its way already", production, current)
    if production.manages_scaling:
        # Not earlier: an endpoint can be scaled only while it is in service.
        apply_scaling(clients.scaling(), production.plan.endpoint_name, production.scaling)
    return answer("unchanged", f"{title} is in service already", production, current)


def _nothing_wanted(
    production: Production, endpoint: Mapping[str, Any] | None, current: Record | None
) -> Outcome:
    name = production.plan.endpoint_name
    if current:
        raise NothingToReturnToError(
            f"{title_of(current.package)} was rejected and no other approved version can take its "
            f"place: {name} goes on with it until one is approved"
        )
    if endpoint and endpoint["EndpointStatus"] == "Failed":
        reason = endpoint.get("FailureReason", "SageMaker gives no reason")
        raise DeployError(f"{name} failed and no other approved version is left: {reason}")
    return answer("unchanged", "no approved version waits for it", production)


def _note_what_failed(
    clients: Clients, endpoint: Mapping[str, Any], tags: Mapping[str, str]
) -> str | None:
    """Mark the last deployment as taken back when the endpoint, at rest, has what it had before.

    Anything else would be a later deployment that could not be noted. Returns what was marked.
    """
    last, now = tags.get(_LAST), goal_of(endpoint)
    is_first = endpoint["EndpointStatus"] == "Failed" and last == now
    went_back = last != now and tags.get(_OVER) == now
    if not last or is_busy(endpoint) or not (is_first or went_back):
        return None
    take_back(clients.sagemaker, last)
    return last


def _marked(record: Record, failed: str | None) -> Record:
    return replace(record, is_taken_back=True) if record.config == failed else record


def _was_replaced(
    client: Any, endpoint: Mapping[str, Any], tags: Mapping[str, str], wanted: Record
) -> bool:
    """Check whether somebody updated, or made, the endpoint by hand in place of what is wanted."""
    if endpoint["EndpointStatus"] == "Failed":
        return False
    if _LAST not in tags:
        made: datetime = endpoint["CreationTime"]
        return wanted.written < made
    last = read_record(client, tags[_LAST])
    return last is not None and wanted.place <= last.place


def _keeps_count(production: Production, clients: Clients, before: str) -> bool:
    """Decide whether an update keeps the number of instances that autoscaling has come to.

    For another instance type it starts anew, and autoscaling is removed: SageMaker wants it off
    for the time.
    """
    if not production.manages_scaling or production.scaling is None:
        return False
    known = found(clients.sagemaker.describe_endpoint_config, EndpointConfigName=before)
    variants = known["ProductionVariants"] if known else []
    if [one.get("InstanceType") for one in variants] == [production.plan.instance_type]:
        return True
    remove_scaling(clients.scaling(), production.plan.endpoint_name)
    return False
