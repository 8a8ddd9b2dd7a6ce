"""Wait until what a run deployed is in service, did not get there, or gave way to another run's.

The deploying function starts an update and does not wait for it; what it wrote into the endpoint's
tags tells whose turn it is (lambda_code/staging_endpoint.py). Here and on AWS alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipeline.errors import PipelineError

_WANTED, _BEGUN, _FAILED = "wanted-deployment", "last-deployment", "failed-deployment"
_TURN_S = 900.0  # an endpoint at rest with a run that waits: its event was lost, or refused
_GONE_S = 300.0  # a failed endpoint is deleted and made again; longer, somebody deleted it
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_SURE = 2  # looks in a row that must agree: tags and status are two questions

State = Literal["arrived", "coming", "waiting", "failed", "superseded"]


class NotInServiceError(PipelineError):
    """The endpoint did not come into service with what the run deployed."""


class SupersededError(PipelineError):
    """There is nobody to ask: another run's model is, or will be, in the endpoint instead."""


@dataclass(frozen=True)
class Deployed:
    """What the Deploy step answered: an endpoint, and the configuration it was to get."""

    endpoint: str
    config: str


@dataclass(frozen=True)
class Place:
    """SageMaker, or the service on this machine, by boto3 clients.

    `call` asks, given what for and the call; `sleep` pauses between looks and raises to stop;
    `limit_s` is the longest wait of all (None: as long as SageMaker is at work).
    """

    sagemaker: Any
    runtime: Any
    call: Callable[[str, Callable[[], Any]], Any]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    poll_s: float
    limit_s: float | None = None


@dataclass(frozen=True)
class _Look:
    """An endpoint at one moment, and what that means for a deployment."""

    state: State
    status: str
    now: str
    reason: str

    def said(self, name: str) -> str:
        if self.state == "waiting":
            return f"endpoint {name}: waits its turn (it is {self.status} with {self.now})"
        return f"endpoint {name}: {self.status}"


def await_arrival(place: Place, deployed: Deployed) -> None:
    """Return when the endpoint is in service with the run's configuration.

    Raises NotInServiceError with SageMaker's reason, SupersededError, and what `place` raises.
    """
    name, said, alike, waited, idle = deployed.endpoint, "", 0, 0.0, 0.0
    before = None
    while True:
        look = _look(place, deployed)
        if look.state == "arrived":
            return
        alike = alike + 1 if before == look else 1
        if look.state in ("failed", "superseded") and alike >= _SURE:
            raise _error(name, look)
        idle = idle + place.poll_s if look.status not in _BUSY else 0.0
        waited += place.poll_s
        most = _TURN_S if look.now else _GONE_S
        if idle > most or (place.limit_s is not None and waited > place.limit_s):
            raise NotInServiceError(_late(name, look, min(waited, idle or waited)))
        if (line := look.said(name)) != said:
            place.say(line)
        said, before = line, look
        place.sleep(place.poll_s)


def _error(name: str, look: _Look) -> PipelineError:
    if look.state == "failed":
        return NotInServiceError(f"endpoint {name} did not come into service: {look.reason}")
    return SupersededError(f"another run deployed {look.now} to the endpoint {name} meanwhile")


def _late(name: str, look: _Look, seconds: float) -> str:
    what = f"endpoint {name} did not come into service: it is still {look.status}"
    if look.state != "waiting":
        return f"{what} after {seconds:.0f} s"
    return (
        f"{what} with {look.now} and the run's turn did not come in {seconds:.0f} s: see the "
        "deploying function's log, and its queue of failed deployments"
    )


def _look(place: Place, deployed: Deployed) -> _Look:
    doing = f"looking at the endpoint {deployed.endpoint}"
    found: dict[str, Any] = {}
    tags: dict[str, str] = {}
    if known := place.call(doing, lambda: _describe(place.sagemaker, deployed.endpoint)):
        # Tags first: what was begun after they were read shows in the description.
        arn = known["EndpointArn"]
        listed = place.call(doing, lambda: _tags(place.sagemaker, arn))
        tags = {tag["Key"]: tag["Value"] for tag in listed}
        found = place.call(doing, lambda: _describe(place.sagemaker, deployed.endpoint)) or {}
    return judge(found, tags, deployed.config)


def judge(endpoint: Mapping[str, Any], tags: Mapping[str, str], config: str) -> _Look:
    """Tell what an endpoint's description and tags mean for a deployment of `config`."""
    status = str(endpoint.get("EndpointStatus", "absent"))
    now = str(endpoint.get("EndpointConfigName", ""))
    goal = str((endpoint.get("PendingDeploymentSummary") or endpoint).get("EndpointConfigName", ""))
    wanted, begun = tags.get(_WANTED, ""), tags.get(_BEGUN, "")
    state: State
    if goal == config:
        state = "coming" if status in _BUSY else "failed"
        state = "arrived" if status == "InService" else state
    elif wanted == config and begun != config:
        state = "waiting"
    elif tags.get(_FAILED) == config:
        state = "failed"
    elif not endpoint:
        state = "coming"  # between its deletion and its making
    elif begun == config or (not begun and endpoint.get("FailureReason")):
        state = "failed" if status not in _BUSY else "coming"  # SageMaker went back, or is about to
    else:
        state = "superseded"
    other = next((one for one in (wanted, goal) if one not in ("", config)), now)
    # Once another run's model took its place, the reason that the endpoint has is not ours.
    own = endpoint.get("FailureReason") if begun in ("", config) else None
    reason = str(own or f"SageMaker went back, and it has {now} now")
    return _Look(state, status, other if state == "superseded" else now, reason)


def _describe(client: Any, name: str) -> Mapping[str, Any] | None:
    try:
        endpoint: Mapping[str, Any] = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _is_absent(error):
            return None
        raise
    return endpoint


def _tags(client: Any, arn: str) -> list[Mapping[str, str]]:
    try:
        tags: list[Mapping[str, str]] = client.list_tags(ResourceArn=arn)["Tags"]
    except ClientError as error:
        if _is_absent(error):
            return []
        raise
    return tags


def _is_absent(error: ClientError) -> bool:
    message = str(error.response["Error"].get("Message", "")).lower()
    return any(words in message for words in ("could not find", "does not exist", "not found"))
