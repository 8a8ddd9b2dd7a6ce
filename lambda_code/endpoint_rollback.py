"""Roll back to an earlier version because a person says so, even from an approved one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from decision_order import version_of
from deployment_errors import DeployError, EndpointBusyError, NothingToReturnToError
from deployment_history import Decision, Record, history, remember_as, title_of
from deployment_inputs import Production, RollbackRequest
from endpoint_calls import busy_error, describe_endpoint, is_busy, is_same_endpoint, tags_of
from endpoint_kinds import bring_across
from endpoint_plan import Plan
from production_endpoint import (
    Clients,
    Outcome,
    approval_of,
    choose,
    current_record,
    start,
    write_down,
)

_TICK = timedelta(milliseconds=1)


def roll_back(production: Production, request: RollbackRequest, clients: Clients) -> Outcome:
    """Roll back to the version asked for, or to the one before the current. Idempotent.

    The decision is written down like an approval, so that no later event undoes it; production
    does it later by itself when it is busy now. Raises DeployError, NothingToReturnToError, and
    EndpointBusyError for another endpoint than production.
    """
    client = clients.sagemaker
    is_production = is_same_endpoint(request.endpoint, production.plan.endpoint_name)
    name = production.plan.endpoint_name if is_production else request.endpoint
    endpoint = describe_endpoint(client, name)
    if endpoint is None:
        raise DeployError(f"there is no endpoint {name}")
    current = current_record(client, endpoint, production.group)
    records = list(history(client, production.group, name, only_decided=is_production))
    if done := _is_done(request, current, records, busy=is_busy(endpoint)):
        return _answer("unchanged", done, name, current)
    if request.version:
        target = _named(client, request, records, needs_approval=is_production)
    else:
        target = _before(client, name, current, records, needs_approval=is_production)
    # Newer than every decision, whatever the clocks say.
    moment = max([datetime.now(UTC), *(one.decided + _TICK for one in records)])
    decision = Decision(target.package, moment, target.approved)
    if is_production:
        action, config = _in_production(production, clients, decision)
    else:
        action, config = _elsewhere(clients, endpoint, target, decision)
    origin = title_of(current.package) if current else "what it has"
    reason = f"from {origin} back to {title_of(target.package)}"
    return _answer(action, reason, name, target) | {"endpoint_config_name": config}


def _is_done(
    request: RollbackRequest, current: Record | None, records: list[Record], *, busy: bool
) -> str:
    """Return why nothing is to be done; empty when something is."""
    newest = records[0] if records else None
    there = current.package if current else ""
    if request.version:
        is_there = current is not None and version_of(there) == request.version
        return f"{title_of(there)} is what it has already" if is_there else ""
    if newest is None or not newest.is_rollback or newest.is_taken_back:
        return ""
    if newest.package == there or busy:
        title = title_of(newest.package)
        return f"it was rolled back to {title} already; to go further back name a version"
    return ""


def _named(
    client: Any, request: RollbackRequest, records: list[Record], *, needs_approval: bool
) -> Record:
    for record in records:
        if version_of(record.package) == request.version:
            status = approval_of(client, record.package)
            if not _may_run(status, needs_approval):
                raise DeployError(f"{title_of(record.package)} is {status}: approve it first")
            return record
    known = sorted({int(version_of(one.package)) for one in records})
    had = ", ".join(map(str, known)) or "none"
    raise DeployError(f"{request.endpoint} never had version {request.version}; it had: {had}")


def _before(
    client: Any,
    name: str,
    current: Record | None,
    records: list[Record],
    *,
    needs_approval: bool,
) -> Record:
    if current is None:
        raise DeployError(f"what {name} has did not come from here: name a version to go to")

    def approval(package: str) -> str:
        status = approval_of(client, package)
        return "Approved" if _may_run(status, needs_approval) else status

    target = choose(_earlier(records, current), None, approval, or_undone=False)
    if target is None:
        title = title_of(current.package)
        raise NothingToReturnToError(f"{name} had no version before {title} that may still run")
    return target


def _earlier(records: list[Record], current: Record) -> Iterator[Record]:
    for record in records:
        if record.place < current.approval_place and record.package != current.package:
            yield record


def _may_run(status: str, needs_approval: bool) -> bool:
    """Decide whether a version may run: a staging endpoint runs versions before any approval."""
    return status == "Approved" or (not needs_approval and status not in ("Rejected", "Gone"))


def _in_production(production: Production, clients: Clients, decision: Decision) -> tuple[str, str]:
    config = write_down(production, clients, decision).config
    try:
        return start(production, clients, config, is_return=True), config
    except EndpointBusyError:
        return "waiting", config  # the event of its end continues with this decision


def _elsewhere(
    clients: Clients, endpoint: Mapping[str, Any], target: Record, decision: Decision
) -> tuple[str, str]:
    """Roll a staging endpoint back to how `target` ran; when busy, no event would do it later."""
    client, name = clients.sagemaker, target.endpoint
    if is_busy(endpoint):
        raise busy_error(name, endpoint)
    known = client.describe_endpoint_config(EndpointConfigName=target.config)
    members = ("ProductionVariants", "DataCaptureConfig", "KmsKeyId")
    rest = {member: known[member] for member in members if member in known}
    config = remember_as(client, name, decision, rest).config
    # How it runs stands in the configuration; the plan says only how it is updated.
    plan = Plan(name, instance_type="", instance_count=0, role_arn="")
    tags = tags_of(client, endpoint["EndpointArn"])
    return bring_across(client, plan, config, tags=tags, sleep=clients.sleep), config


def _answer(action: str, reason: str, name: str, record: Record | None) -> Outcome:
    return {
        "action": action,
        "reason": reason,
        "endpoint_name": name,
        "endpoint_config_name": record.config if record else "",
        "model_package_arn": record.package if record else "",
    }
