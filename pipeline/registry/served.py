"""Tell where a version was brought to and when, by the endpoint configurations made for it.

Each decision about an endpoint is kept as a configuration with tags (deployment_history.py of the
Lambda that deploys), here and on AWS alike: nothing else remembers it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from pipeline.registry.origins import Origins

_GROUP_LENGTH = 38  # of a group in the names of its configurations


@dataclass(frozen=True)
class Stay:
    """A version's time on an endpoint: from the decision for it to the one for another version.

    It serves some minutes later, when the machines are ready. `until` is None where no other came
    after it: then `running` says whether it is still there. `rolled_back`: SageMaker brought the
    endpoint back by itself, and when is `until`.
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
    taken_back: datetime | None


def stays_of(origins: Origins, group: str, package: str) -> tuple[Stay, ...] | None:
    """Return where a version of a group was and is, the earliest first.

    None where these credentials may not read it, which `origins` has said.
    """
    found = _records(origins, group)
    if found is None:
        return None
    records = sorted(found, key=lambda one: (one.endpoint, one.since))
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
    # What was taken back ended nobody's time: the version before it went on.
    kept = [one for one in records if one.taken_back is None]
    turns = [list(turn) for _, turn in groupby(kept, key=lambda one: one.package)]
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        if turn[0].package == package:
            until = after[0].since if after else None
            running = any(one.config == current for one in turn)
            yield Stay(turn[0].endpoint, turn[0].since, until, running, False)


def _records(origins: Origins, group: str) -> list[_Record] | None:
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
    decided, back = (_moment(tags.get(tag)) for tag in ("decided-at", "taken-back"))
    return [_Record(tags["endpoint"], tags["model-package-arn"], name, decided or made, back)]


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None  # a tag that somebody wrote by hand


def _current(origins: Origins, endpoint: str) -> str:
    found = origins.ask(origins.client.describe_endpoint, EndpointName=endpoint)
    return str(found.get("EndpointConfigName", ""))
