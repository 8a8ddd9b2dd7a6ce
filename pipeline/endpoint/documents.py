"""Define what the endpoint's commands report to programs, beside what they compute already."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.endpoint.bench import Level
from pipeline.endpoint.predictions import Answered, NotAnswered


@dataclass(frozen=True)
class Predicted:
    """What an endpoint says of some pictures; `saved` is the drawing of them, if one was asked."""

    endpoint: str
    results: tuple[Answered | NotAnswered, ...]
    saved: Path | None


@dataclass(frozen=True)
class Benched:
    """What was measured of an endpoint at each number of askers."""

    endpoint: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class EndpointState:
    """An endpoint and what it runs; `ours` are those that our function deployed.

    `answers` is null where nobody asked it, and `problem` says why it does not answer, or not yet.
    `pending_config`: what it is being brought to. `reason`: why its last change failed.
    """

    name: str
    status: str
    model_package: str | None
    ours: bool
    answers: bool | None
    problem: str | None
    config: str | None
    pending_config: str | None
    changed: str
    reason: str | None
    arn: str


@dataclass(frozen=True)
class Endpoints:
    """All endpoints, and the address of the local service while it runs."""

    endpoints: tuple[EndpointState, ...]
    service: str | None


@dataclass(frozen=True)
class RolledBack:
    """What the deploying function did, and why; `action` is unchanged where there was nothing."""

    action: str
    reason: str
    endpoint_name: str
    endpoint_config_name: str
    model_package_arn: str


@dataclass(frozen=True)
class Deleted:
    """The name of the endpoint that was deleted."""

    deleted: str


@dataclass(frozen=True)
class Serving:
    """A model that is being served: its title, its version's approval, and what to know of it."""

    url: str
    model: str
    approval: str | None
    note: str
    endpoints: tuple[str, ...]
