"""Tell where a version was brought to and when, by the endpoint configurations made for it.

Each decision about an endpoint is kept as a configuration with tags (deployment_history.py of the
Lambda that deploys), here and on AWS alike: nothing else remembers it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lambda_code.decision_order import Order, order_of

if TYPE_CHECKING:
    from pipeline.registry.origins import Origins


_GROUP_LENGTH = 38  # of a group in the names of its configurations


@dataclass(frozen=True)
class Stay:
    """A version's time on an endpoint: from the decision for it to the one for another version.

    It serves some minutes later, when the machines are ready. One that is rejected ends with the
    way back to the version before it, whose next stay begins then. `until` is None where no other
    came after it: then `running` says whether it is still there. `rolled_back`: SageMaker brought
    the endpoint back by itself, and when is `until`.
    """

    endpoint: str
    since: datetime
    until: datetime | None
    running: bool
    rolled_back: bool


@dataclass(frozen=True)
class _Record:
    endpoint: str
    package: str
    config: str
    since: datetime
    written: datetime
    taken_back: datetime | None
    left: datetime | None
    left_for: str


@dataclass(frozen=True)
class _Turn:
    """A moment from which an endpoint was to have a version, and the decision for that one."""

    since: datetime
    record: _Record

    @property
    def order(self) -> Order:
        """The turn's sort key: the last one is what the endpoint is to have."""
        one = self.record
        return order_of(one.package, self.since, one.written, one.config)


def stays_of(origins: "Origins", group: str, package: str) -> tuple[Stay, ...] | None:
    """Return where a version of a group was and is, the earliest first.

    None where these credentials may not read it, which `origins` has said.
    """
    found = _records(origins, group)
    if found is None:
        return None
    records = sorted(found, key=lambda one: one.endpoint)
    stays = [
        stay
        for endpoint, own in groupby(records, key=lambda one: one.endpoint)
        for stay in _on_endpoint(list(own), package, _current(origins, endpoint))
    ]
    return tuple(sorted(stays, key=lambda stay: stay.since))


def _on_endpoint(records: list[_Record], package: str, current: str) -> Iterator[Stay]:
    for one in records:
        if one.package == package and one.taken_back:
            yield Stay(one.endpoint, one.since, one.taken_back, one.config == current, True)
    in_order = sorted(_turns(records), key=lambda turn: turn.order)
    turns = [list(turn) for _, turn in groupby(in_order, key=lambda turn: turn.record.package)]
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        if turn[0].record.package == package:
            until = after[0].since if after else None
            running = after is None and any(one.record.config == current for one in turn)
            yield Stay(records[0].endpoint, turn[0].since, until, running, False)


def _turns(records: list[_Record]) -> Iterator[_Turn]:
    # What was taken back ended nobody's time: the version before it went on.
    kept = [one for one in records if one.taken_back is None]
    for one in kept:
        yield _Turn(one.since, one)
        if one.left:
            for earlier in kept:
                if earlier.package == one.left_for:
                    yield _Turn(one.left, earlier)


def _records(origins: "Origins", group: str) -> list[_Record] | None:
    start = f"{group[:_GROUP_LENGTH]}--"
    pages = origins.client.get_paginator("list_endpoint_configs").paginate(NameContains=start)
    listed = origins.ask(pages.build_full_result).get("EndpointConfigs")
    if listed is None:
        return None
    records: list[_Record] = []
    for config in listed:
        if config["EndpointConfigName"].startswith(start):
            arn = config["EndpointConfigArn"]
            tags = origins.ask(origins.client.list_tags, ResourceArn=arn).get("Tags")
            if tags is None:
                return None
            records += _record(config, {tag["Key"]: tag["Value"] for tag in tags})
    return records


def _record(config: Mapping[str, Any], tags: Mapping[str, str]) -> list[_Record]:
    if not tags.keys() >= {"endpoint", "model-package-arn"}:
        return []
    name, made = config["EndpointConfigName"], config["CreationTime"]
    decided, back, left = (
        _moment(tags.get(tag)) for tag in ("decided-at", "taken-back", "left-at")
    )
    package, left_for = tags["model-package-arn"], tags.get("left-for", "")
    since = decided or made
    return [_Record(tags["endpoint"], package, name, since, made, back, left, left_for)]


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None  # a tag that somebody wrote by hand


def _current(origins: "Origins", endpoint: str) -> str:
    found = origins.ask(origins.client.describe_endpoint, EndpointName=endpoint)
    return str(found.get("EndpointConfigName", ""))
