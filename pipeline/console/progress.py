"""Say where the endpoints of a group are: what they run, what waits, what was refused."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.endpoint.production import Names, Production, read_production
from pipeline.local.service.deployments.deliveries import DELIVERY
from pipeline.local.service.operations.events import PACKAGE_EVENT, PENDING, RULE
from pipeline.local.store import Document, Store
from pipeline.target import Target


@dataclass(frozen=True)
class Refusal:
    """What the function that deploys refused, and when."""

    moment: datetime
    reason: str


@dataclass(frozen=True)
class Progress:
    """A group's endpoints, the number of events that wait, and what was refused last.

    `production` is None where nothing deploys the group.
    """

    production: Production | None
    waiting: int
    refusals: tuple[Refusal, ...]


def production_of(store: Store, target: Target, group: str) -> Production | None:
    """Read what a group's endpoints run; None where no run has set any up."""
    rule = store.get(RULE, group)
    if rule is None:
        return None
    # A rule of an older state knows no staging endpoint.
    names = Names(group, rule["Endpoint"], rule.get("Staging", ""))
    return read_production(target, names)


def progress_of(store: Store, target: Target, group: str) -> Progress:
    """Read where the endpoints of a group are now."""
    rule = store.get(RULE, group)
    if rule is None:
        return Progress(None, 0, ())
    waiting = sum(one["Group"] == group for one in store.list(PENDING))
    return Progress(production_of(store, target, group), waiting, _refusals(store, rule))


def _refusals(store: Store, rule: Document) -> tuple[Refusal, ...]:
    """Return what was refused since the last decision about a version of a rule's group."""
    found: list[Document] = []
    for delivery in store.list(DELIVERY):
        event = delivery["Event"]
        if event["detail-type"] == PACKAGE_EVENT:
            if event["detail"].get("ModelPackageGroupName") == rule["Group"]:
                found = [delivery]
        elif event["detail"].get("EndpointName") in (rule["Endpoint"], rule.get("Staging")):
            found.append(delivery)
    return tuple(Refusal(one["Time"], one["Error"]) for one in found if "Error" in one)
