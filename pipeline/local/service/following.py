"""Deliver an approval or rollback on this machine and wait until production is stable."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.command_line.running import FIRST_RUN
from pipeline.errors import PipelineError, UsageError
from pipeline.local.service.client import service_client
from pipeline.local.service.credentials import Address
from pipeline.local.service.deployments.deliveries import DELIVERY
from pipeline.local.service.deployments.deployer import call_deployer
from pipeline.local.service.hosting.model_process import START_SECONDS
from pipeline.local.service.liveness import why_silent
from pipeline.local.service.operations.endpoints import awaited_config
from pipeline.local.service.operations.events import PENDING, RULE
from pipeline.local.service.server import find_service, running_service
from pipeline.local.store import Document, Store

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = START_SECONDS + 60


@dataclass(frozen=True)
class Deployed:
    """The state of an endpoint after a decision; `problems` say why it is not as decided.

    `answers`: it was asked about a picture, and its model answered.
    """

    endpoint: str
    status: str
    version: int | None
    answers: bool = False
    problems: tuple[str, ...] = ()

    def summary(self) -> str:
        """Describe the state in one line for people."""
        if self.version is None:
            return f"{self.endpoint}: nothing is deployed"
        if self.status == "InService":
            does = "is in service" if self.answers else "does not answer"
            return f"{self.endpoint}: version {self.version} {does}"
        return f"{self.endpoint}: version {self.version} is {self.status}"

    def raise_problems(self) -> None:
        """Raise PipelineError when there are problems."""
        if self.problems:
            raise PipelineError("; ".join(self.problems))


def follow_decision(state: Path, group: str, since: datetime) -> Deployed | None:
    """Deliver a group's events, wait until production is at rest, ask it, and return its state.

    None where nothing deploys that group: no run has set it up on this machine.
    """
    store = Store(state)
    rule = store.get(RULE, group)
    if rule is None:
        return None
    with _service_of(store, rule) as service:
        return _at_rest(store, service, rule["Endpoint"], since)


def roll_back(
    state: Path,
    name: str | None,
    version: str | None,
    told: Callable[[dict[str, Any]], None] = lambda _answer: None,
) -> tuple[dict[str, Any], Deployed]:
    """Roll an endpoint back; return the function's answer, and the endpoint when it is at rest.

    `told` gets the answer as soon as there is one. Raises UsageError where no run has set it up,
    DeploymentError for what the function refuses.
    """
    store = Store(state)
    since = datetime.now(UTC)
    rule = _rule_for(store, name)
    endpoint = name or rule["Endpoint"]
    event = {"rollback": {"endpoint_name": endpoint, "version": version}}
    with _service_of(store, rule) as service:
        answer = call_deployer(store, rule, event, service.url)
        told(answer)
        return answer, _at_rest(store, service, endpoint, since)


def _rule_for(store: Store, name: str | None) -> Document:
    rules = store.list(RULE)
    if not rules:
        raise UsageError(f"nothing deploys here yet: {FIRST_RUN} sets it up")
    if name is None and len(rules) > 1:
        there = ", ".join(sorted(rule["Endpoint"] for rule in rules))
        raise UsageError(f"there are several production endpoints: name one: {there}")
    own = [rule for rule in rules if rule["Endpoint"] == name]
    return [*own, *rules][0]


@contextmanager
def _service_of(store: Store, rule: Document) -> Iterator[Address]:
    """Yield the address of a live service, or of one that runs for as long as the block."""
    if address := find_service(store.root):
        yield address
        return
    with running_service(store, 0, rule["Region"], rule["Account"]) as service:
        yield service.address


def _at_rest(store: Store, service: Address, endpoint: str, since: datetime) -> Deployed:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # The end of a deployment is an event again, which may begin the next one.
    while store.list(PENDING) or awaited_config(store.get("Endpoint", endpoint)):
        if time.monotonic() >= deadline:
            late = (
                f"not at rest after {_PATIENCE_SECONDS:.0f} s: python -m pipeline.endpoint status"
            )
            return _deployed(store, service, endpoint, since, late)
        time.sleep(_POLL_SECONDS)
    return _deployed(store, service, endpoint, since)


def _deployed(
    store: Store, service: Address, name: str, since: datetime, *problem: str
) -> Deployed:
    endpoint = store.get("Endpoint", name)
    refused = [one for one in store.list(DELIVERY) if one["Time"] >= since and "Error" in one]
    problems = list(dict.fromkeys([*(one["Error"] for one in refused), *problem]))
    if endpoint is None:
        return Deployed(name, "", None, problems=tuple(problems))
    if "FailureReason" in endpoint and endpoint["LastModifiedTime"] >= since and not problems:
        problems.append(f"its update failed: {endpoint['FailureReason']}")
    status, answers = endpoint["EndpointStatus"], False
    if status == "InService":
        silent = why_silent(service_client("sagemaker-runtime", service), name)
        answers = not silent
        problems += [f"{name} does not answer: {silent}"] if silent else []
    return Deployed(name, status, version_in(store, name), answers, tuple(problems))


def version_in(store: Store, name: str) -> int | None:
    """Return the version that an endpoint runs; None when it runs none of the registry's."""
    endpoint = store.get("Endpoint", name)
    number = package_in(store, endpoint).rpartition("/")[2] if endpoint else ""
    return int(number) if number.isascii() and number.isdecimal() else None


def package_in(store: Store, endpoint: Document) -> str:
    """Return the ARN of the registered version that an endpoint was deployed from, or ""."""
    config = store.get("EndpointConfig", endpoint["EndpointConfigName"])
    tags = store.get("Tags", config["EndpointConfigArn"]) if config else None
    values = {tag["Key"]: tag["Value"] for tag in (tags or {}).get("Tags", [])}
    return str(values.get("model-package-arn", ""))
