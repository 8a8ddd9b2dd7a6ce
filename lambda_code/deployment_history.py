"""Keep each decision about an endpoint's version and its time as an endpoint configuration.

Nothing else is kept. A configuration cannot be changed and a name can be taken once, so to write a
decision down is one atomic call, which changes nothing for a duplicate event. Its name ends with
the time of the decision, {group}--{version}-{time}-{hash}, so that one listing gives the order; its
tags hold the rest. The two dashes keep the groups dogs and dogs-uk apart, here and in the roles of
infra/template.yaml. Events may come twice and in any order: the order here is that of the
decisions, by their time, as exactly as it was told. Of two in one moment the one for the later
version counts (decision_order.py), whichever event came first: whoever approves two at once means
the newer one.

- `endpoint`, `model-package-arn`: what was decided about.
- `decided-at`: when. `stands-for`: the approval behind it. They are equal for an approval itself; a
  rollback stands for an earlier one, and undoes what was decided in between.
- `taken-back`: SageMaker brought the endpoint to it and, by itself, back again. It is not tried
  again until somebody decides so. `told`: people have heard of that.
- `left-at`, `left-for`: when it was rejected and the endpoint brought back, and to which version.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from decision_order import Order, Place, order_of, place_of
from endpoint_calls import create_once, found, tag_list, tags_of
from endpoint_plan import Plan, kept_of, network_of, variants_of

PACKAGE = "model-package-arn"
_ENDPOINT = "endpoint"
_DECIDED = "decided-at"
_STANDS_FOR = "stands-for"
_TAKEN_BACK, _TOLD = "taken-back", "told"
_LEFT_AT, _LEFT_FOR = "left-at", "left-for"
_NAME = re.compile(r".+-(\d{12})(\d{3})-[0-9a-f]{6}")
_CLOCK = "%y%m%d%H%M%S"
_NAME_LENGTH = 63
_GROUP_LENGTH = 38  # with the dashes, the time and the hash behind it, 63


@dataclass(frozen=True)
class Decision:
    """A decision that a version shall run from `decided` on; `approved` is its approval's time."""

    package: str
    decided: datetime
    approved: datetime

    @property
    def place(self) -> Place:
        """The decision's sort key: a larger place is a newer decision."""
        return place_of(self.package, self.decided)

    @property
    def approval_place(self) -> Place:
        """The sort key of the approval behind the decision."""
        return place_of(self.package, self.approved)

    @property
    def is_rollback(self) -> bool:
        """Whether the decision goes back to a version that was approved before."""
        return self.approved != self.decided


@dataclass(frozen=True)
class Record(Decision):
    """A decision that was written down at `written`, as the endpoint configuration `config`."""

    config: str
    endpoint: str
    written: datetime
    is_taken_back: bool
    is_told: bool = False


def title_of(package: str) -> str:
    """Return a model package's group and version, as a readable start for names."""
    return package.rpartition("model-package/")[2].replace("/", "-")


def group_of(package: str) -> str:
    """Return the group's name in a model package's ARN."""
    return package.rpartition("model-package/")[2].partition("/")[0]


def create_model(client: Any, plan: Plan, package: str, container: Mapping[str, Any]) -> str:
    """Create the model unless it exists; return its name."""
    role, network = plan.role_arn, network_of(plan)
    name = _named(package, container, role, *([network] if network else []))
    create_once(
        client.create_model,
        ModelName=name,
        PrimaryContainer=container,
        ExecutionRoleArn=role,
        Tags=tag_list({PACKAGE: package}),
        **network,
    )
    return name


def create_config(client: Any, plan: Plan, package: str, model: str) -> str:
    """Create the configuration of a pipeline's own deployment, not a decision; return its name."""
    variants, kept = variants_of(plan, model), kept_of(plan)
    name = _named(package, plan.endpoint_name, variants, kept)
    tags = tag_list({_ENDPOINT: plan.endpoint_name, PACKAGE: package})
    create_once(
        client.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=variants,
        Tags=tags,
        **kept,
    )
    return name


def remember(client: Any, plan: Plan, decision: Decision, container: Mapping[str, Any]) -> Record:
    """Write a decision for an approved version down, unless it is written down already."""
    model = create_model(client, plan, decision.package, container)
    rest = {"ProductionVariants": variants_of(plan, model), **kept_of(plan)}
    return remember_as(client, plan.endpoint_name, decision, rest)


def remember_as(client: Any, endpoint: str, decision: Decision, rest: Mapping[str, Any]) -> Record:
    """Write a decision down as a configuration whose other members are in `rest`."""
    moment = decision.decided.astimezone(UTC)
    clock = f"{moment:{_CLOCK}}{moment.microsecond // 1000:03}"
    end = f"-{clock}-{_digest(endpoint, decision.package, rest)[:6]}"
    name = _fitted(decision.package, end)
    tags = {
        _ENDPOINT: endpoint,
        PACKAGE: decision.package,
        _DECIDED: moment.isoformat(),
        _STANDS_FOR: decision.approved.astimezone(UTC).isoformat(),
    }
    is_new = create_once(
        client.create_endpoint_config, EndpointConfigName=name, Tags=tag_list(tags), **rest
    )
    known = None if is_new else read_record(client, name)
    return known or Record(
        decision.package,
        decision.decided,
        decision.approved,
        name,
        endpoint,
        datetime.now(UTC),
        is_taken_back=False,
    )


def merged(records: Iterable[Record], made: Record | None) -> Iterator[Record]:
    """Yield records, newest first, and one made just now, which a listing may not show yet."""
    for record in records:
        if made and record.config == made.config:
            made = None
        elif made and _order(record) < _order(made):
            yield made
            made = None
        yield record
    if made:
        yield made


def history(client: Any, group: str, endpoint: str, *, only_decided: bool) -> Iterator[Record]:
    """Yield the records of an endpoint, the newest decision first; each is read when needed.

    `only_decided` leaves out what pipelines deployed by themselves.
    """
    start = _start_of(group)
    pages = client.get_paginator("list_endpoint_configs").paginate(
        NameContains=start,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 100},
    )
    configs = [config for page in pages for config in page["EndpointConfigs"]]
    # Another project's name may hold this one in its middle.
    configs = [one for one in configs if one["EndpointConfigName"].startswith(start)]
    if only_decided:
        configs = [one for one in configs if _time_in(one["EndpointConfigName"])]
    # What a listing shows does not tell the order within a moment, so these are read together.
    for _, moment in groupby(sorted(configs, key=_moment_of, reverse=True), key=_moment_of):
        records = [record for config in moment if (record := _read(client, config))]
        own = [record for record in records if record.endpoint == endpoint]
        yield from sorted(own, key=_order, reverse=True)


def read_record(client: Any, config: str) -> Record | None:
    """Read the record of a configuration; None for one that is gone, or not of ours."""
    answer = found(client.describe_endpoint_config, EndpointConfigName=config)
    return _read(client, answer) if answer else None


def take_back(client: Any, config: str) -> None:
    """Mark a configuration as one that was deployed and that SageMaker rolled back."""
    _mark(client, config, _TAKEN_BACK)


def note_told(client: Any, config: str) -> None:
    """Mark a configuration as one of whose end people have heard."""
    _mark(client, config, _TOLD)


def note_left(client: Any, config: str, package: str) -> None:
    """Write down that the endpoint was brought back from a configuration to an earlier version."""
    if answer := found(client.describe_endpoint_config, EndpointConfigName=config):
        tags = {_LEFT_AT: datetime.now(UTC).isoformat(), _LEFT_FOR: package}
        client.add_tags(ResourceArn=answer["EndpointConfigArn"], Tags=tag_list(tags))


def _mark(client: Any, config: str, tag: str) -> None:
    answer = found(client.describe_endpoint_config, EndpointConfigName=config)
    if answer and tag not in tags_of(client, answer["EndpointConfigArn"]):
        tags = tag_list({tag: datetime.now(UTC).isoformat()})
        client.add_tags(ResourceArn=answer["EndpointConfigArn"], Tags=tags)


def _read(client: Any, config: Mapping[str, Any]) -> Record | None:
    tags = tags_of(client, config["EndpointConfigArn"])
    if _ENDPOINT not in tags or PACKAGE not in tags:
        return None
    try:
        decided = _moment_in(tags, _DECIDED) or config["CreationTime"]
        approved = _moment_in(tags, _STANDS_FOR) or decided
    except ValueError:
        return None  # tags that somebody wrote by hand
    return Record(
        package=tags[PACKAGE],
        decided=decided,
        approved=approved,
        config=config["EndpointConfigName"],
        endpoint=tags[_ENDPOINT],
        written=config["CreationTime"],
        is_taken_back=_TAKEN_BACK in tags,
        is_told=_TOLD in tags,
    )


def _moment_in(tags: Mapping[str, str], name: str) -> datetime | None:
    """Read a time that `remember_as` wrote; None without one. Raises ValueError."""
    return datetime.fromisoformat(tags[name]).astimezone(UTC) if name in tags else None


def _order(record: Record) -> Order:
    return order_of(record.package, record.decided, record.written, record.config)


def _moment_of(config: Mapping[str, Any]) -> datetime:
    """Return the time of the decision, to the millisecond."""
    created: datetime = config["CreationTime"]
    millisecond = created.microsecond // 1000 * 1000
    return _time_in(config["EndpointConfigName"]) or created.replace(microsecond=millisecond)


def _time_in(name: str) -> datetime | None:
    clock = _NAME.fullmatch(name)
    if clock is None:
        return None
    try:
        moment = datetime.strptime(clock[1], _CLOCK).replace(tzinfo=UTC)
    except ValueError:
        return None  # digits that are no time: not a name of ours
    return moment.replace(microsecond=int(clock[2]) * 1000)


def _start_of(group: str) -> str:
    return f"{group[:_GROUP_LENGTH]}--"


def _named(package: str, *parts: Any) -> str:
    return _fitted(package, f"-{_digest(package, *parts)[:12]}")


def _fitted(package: str, end: str) -> str:
    """Return a name of the version that ends with `end`, within the length of a name."""
    version = package.rpartition("model-package/")[2].partition("/")[2]
    return f"{_start_of(group_of(package))}{version}"[: _NAME_LENGTH - len(end)] + end


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
