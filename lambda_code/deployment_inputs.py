"""Read the function's events and variables once; an error names what is wrong with them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment_errors import DeployError
from endpoint_plan import Capture, Network, Plan, Serverless, Traffic
from endpoint_scaling import Scaling

_VARIABLES = (
    "MODEL_PACKAGE_GROUP",
    "PRODUCTION_ENDPOINT",
    "SERVING_ROLE_ARN",
    "ROLLBACK_ALARMS",
    "DEPLOYMENT",
)
_FIELDS = ("model_package_arn", "endpoint_name", "role_arn")
_INSTANCES = ("instance_type", "instance_count")
_SERVERLESS = ("memory_size_mb", "max_concurrency")
_MILLISECONDS_FROM = 1e11  # seconds since 1970 are fewer for another 3,000 years


@dataclass(frozen=True)
class Production:
    """The production endpoint, and the group whose versions run on it.

    Where `manages_scaling` is False, autoscaling is not looked at. `models` is the s3:// folder
    that models are kept in; without one they stay where they are.
    """

    group: str
    plan: Plan
    manages_scaling: bool
    scaling: Scaling | None
    models: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Production":
        """Read the function's variables; DEPLOYMENT holds JSON, ROLLBACK_ALARMS commas.

        MODELS may be left out. Raises DeployError naming what is missing or wrong.
        """
        if missing := [name for name in _VARIABLES if name not in environment]:
            raise DeployError(
                f"the function lacks the variables {', '.join(missing)}: bring its stack up to "
                "date with python -m pipeline.bootstrap"
            )
        alarms = (name.strip() for name in environment["ROLLBACK_ALARMS"].split(","))
        try:
            how = json.loads(environment["DEPLOYMENT"])
            capture, scaling = how["data_capture"], how.get("autoscaling")
            plan = Plan(
                endpoint_name=environment["PRODUCTION_ENDPOINT"],
                instance_type=how["instance_type"],
                instance_count=how["instance_count"],
                role_arn=environment["SERVING_ROLE_ARN"],
                traffic=Traffic(**how["traffic"]),
                alarms=tuple(name for name in alarms if name),
                capture=Capture(**capture) if capture else None,
                network=_network(how.get("network")),
                volume_key=how.get("volume_key", ""),
            )
            limits = Scaling(**scaling) if scaling else None
        except (ValueError, TypeError, KeyError) as error:
            raise DeployError(f"the variable DEPLOYMENT cannot be read: {error!r}") from error
        group, models = environment["MODEL_PACKAGE_GROUP"], environment.get("MODELS", "")
        return cls(group, plan, "autoscaling" in how, limits, models)


@dataclass(frozen=True)
class PackageEvent:
    """A change of a version's approval: what to, and when."""

    group: str
    package: str
    status: str
    moment: datetime
    is_decision: bool

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "PackageEvent":
        """Read SageMaker's event. Raises DeployError.

        Several events may tell of one change: the time in the version itself identifies it. A
        new version was decided on when it was made.
        """
        detail = _detail(event, "ModelPackageArn", "ModelPackageGroupName", "ModelApprovalStatus")
        changed = detail.get("UpdatedModelPackageFields")
        said = detail.get("LastModifiedTime" if changed else "CreationTime")
        return cls(
            group=detail["ModelPackageGroupName"],
            package=detail["ModelPackageArn"],
            status=detail["ModelApprovalStatus"],
            moment=_moment(said) or _required_moment(event.get("time")),
            is_decision=not changed or "ModelApprovalStatus" in changed,
        )


@dataclass(frozen=True)
class RollbackRequest:
    """A request to roll an endpoint back: to a version's number, or to the one before."""

    endpoint: str
    version: str | None

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "RollbackRequest":
        """Read {"rollback": {"endpoint_name": ..., "version": ...}}. Raises DeployError."""
        asked = event["rollback"]
        if not isinstance(asked, Mapping) or not asked.get("endpoint_name"):
            raise DeployError("the rollback lacks endpoint_name")
        version = asked.get("version")
        return cls(str(asked["endpoint_name"]), str(version) if version else None)


def read_step(event: Mapping[str, Any]) -> tuple[Plan, str]:
    """Read what the Deploy step asks for: an endpoint, and the version it is to get.

    It runs on instances, or serverless. Raises DeployError naming what is missing or wrong.
    """
    is_serverless = bool(event.get(_SERVERLESS[0]))
    wanted = (*_FIELDS, *(_SERVERLESS if is_serverless else _INSTANCES))
    if missing := [name for name in wanted if not event.get(name)]:
        raise DeployError(f"the event lacks {', '.join(missing)}")
    plan = Plan(
        endpoint_name=str(event["endpoint_name"]),
        instance_type="" if is_serverless else str(event["instance_type"]),
        instance_count=0 if is_serverless else _whole(event, "instance_count"),
        role_arn=str(event["role_arn"]),
        network=Network(
            subnets=_listed(event, "subnets"),
            security_groups=_listed(event, "security_groups"),
            isolation=event.get("isolation") == "true",
        ),
        volume_key=str(event.get("volume_key", "")),
        serverless=_read_serverless(event) if is_serverless else None,
    )
    return plan, str(event["model_package_arn"])


def _read_serverless(event: Mapping[str, Any]) -> Serverless:
    memory, at_once = (_whole(event, name) for name in _SERVERLESS)
    ready = "provisioned_concurrency"
    return Serverless(memory, at_once, _whole(event, ready) if event.get(ready) else 0)


def _listed(event: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read what a step gives as one text with commas; a step passes no lists."""
    return tuple(part for part in str(event.get(name, "")).split(",") if part)


def _whole(event: Mapping[str, Any], name: str) -> int:
    try:
        return int(event[name])
    except (TypeError, ValueError) as error:
        raise DeployError(f"{name} must be a whole number") from error


def read_expiry(event: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, int]:
    """Read which endpoint expires after how many hours. Raises DeployError.

    The event names the kind of endpoint; nothing but the function's own staging can expire.
    """
    if event["expire"] != "staging":
        raise DeployError(f"{event['expire']!r} does not expire: correct the rule that sent it")
    name, hours = environment.get("STAGING_ENDPOINT"), environment.get("STAGING_EXPIRE_HOURS", "")
    if not name or not hours.isdecimal() or hours == "0":
        raise DeployError(
            "the function lacks STAGING_ENDPOINT or STAGING_EXPIRE_HOURS: bring its stack up to "
            "date with python -m pipeline.bootstrap"
        )
    return name, int(hours)


def endpoint_in(event: Mapping[str, Any]) -> str:
    """Return the endpoint that an event is about. Raises DeployError."""
    return str(_detail(event, "EndpointName")["EndpointName"])


def _network(how: Mapping[str, Any] | None) -> Network:
    if how is None:
        return Network()
    groups = tuple(how["security_groups"])
    return Network(tuple(how["subnets"]), groups, how["isolation"])


def _detail(event: Mapping[str, Any], *members: str) -> Mapping[str, Any]:
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        raise DeployError("the event has no detail")
    if missing := [name for name in members if not isinstance(detail.get(name), str)]:
        raise DeployError(f"the event's detail lacks {', '.join(missing)}")
    return detail


def _required_moment(value: Any) -> datetime:
    moment = _moment(value)
    if moment is None:
        raise DeployError(f"the event's time {value!r} cannot be read")
    return moment


def _moment(value: Any) -> datetime | None:
    """Read a time as SageMaker's events write it: ISO 8601, or milliseconds since 1970."""
    try:
        number = float(value)
        seconds = number / 1000 if number > _MILLISECONDS_FROM else number
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
