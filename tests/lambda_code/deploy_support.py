"""A registry and a production endpoint on local state, and events that a test delivers itself."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from deploy_endpoint import handle
from pipeline.local.service.operations.endpoints import (
    awaited_config,
    fail_deployment,
    finish_deployment,
)
from pipeline.local.service.operations.events import PENDING, RULE
from pipeline.local.store import Store
from production_endpoint import Clients
from telling import News

GROUP, PRODUCTION = "dogs", "dogs-production"
PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
ROLE = "arn:aws:iam::111122223333:role/dogs-serving"
HOW = {
    "instance_type": "ml.m5.large",
    "instance_count": 2,
    "traffic": {"type": "canary", "size_percent": 50, "wait_seconds": 300, "limit_seconds": 4200},
    "data_capture": {"percent": 10, "uri": "s3://b/capture/dogs-production"},
}
ENVIRONMENT = {
    "MODEL_PACKAGE_GROUP": GROUP,
    "PRODUCTION_ENDPOINT": PRODUCTION,
    "SERVING_ROLE_ARN": ROLE,
    "ROLLBACK_ALARMS": "dogs-production-errors,dogs-production-latency",
    "DEPLOYMENT": json.dumps(HOW),
}
Event = dict[str, Any]


def no_scaling() -> Any:
    raise AssertionError("autoscaling is not looked at on this machine")


class World:
    """Four versions that wait for approval, and no endpoint yet."""

    def __init__(self, store: Store, client: Any, register: Callable[..., str]) -> None:
        self.store = store
        self.client = client
        with store.transaction() as everything:
            everything.execute("DELETE FROM documents")
        store.put(RULE, GROUP, {"Group": GROUP, "Endpoint": PRODUCTION})
        for number in range(1, 5):
            assert register(self.client, f"s3://b/{number}.tar.gz", GROUP) == self.package(number)
        self.environment = dict(ENVIRONMENT)
        self.events: dict[str, Event] = {}
        self.deployed: list[str] = []
        self.told: list[News] | None = None  # a list: people want to be told
        self.is_mute = False  # nobody can be told

    def package(self, number: int | str) -> str:
        return f"{PREFIX}:model-package/{GROUP}/{number}"

    def decide(self, letter: str, number: str) -> Event:
        """Approve (a), reject (r) or reset (p) a version; the event, which nobody has got yet.

        Events tell milliseconds, so each decision waits for one of its own.
        """
        time.sleep(0.002)
        status = {"a": "Approved", "r": "Rejected", "p": "PendingManualApproval"}[letter]
        self.client.update_model_package(
            ModelPackageArn=self.package(number), ModelApprovalStatus=status
        )
        self.collect()
        return self.events.get(letter + number, {})

    def handle(self, event: Event) -> dict[str, str]:
        """Call the handler, as Lambda would."""
        before = self.awaited
        tell = None if self.told is None else self.tell
        clients = Clients(self.client, no_scaling, lambda _: None, tell=tell)
        answer = handle(event, self.environment, clients)
        if self.awaited and self.awaited != before:
            self.deployed.append(self._version(self.awaited))
        self.collect()
        return answer

    def tell(self, news: News) -> None:
        if self.is_mute:
            raise ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish")
        assert self.told is not None
        self.told.append(news)

    def end(self, *, well: bool) -> Event:
        """End what the endpoint is at; the event of that."""
        config = self.awaited
        assert config, "nothing is being deployed"
        if well:
            hosted = {"InstanceCount": 1, "VariantName": "AllTraffic"}
            assert finish_deployment(self.store, PRODUCTION, config, hosted)
        else:
            fail_deployment(self.store, PRODUCTION, config, "the model does not load")
        self.collect()
        return self.events["end"]

    @property
    def awaited(self) -> str | None:
        """The configuration that production is being brought to."""
        return awaited_config(self.store.get("Endpoint", PRODUCTION))

    @property
    def state(self) -> str:
        """Production: "2" in service, "2>3" on its way from 2 to 3, ">1" and "!1" a first one."""
        endpoint = self.store.get("Endpoint", PRODUCTION)
        if endpoint is None:
            return "-"
        version = self._version(endpoint["EndpointConfigName"])
        status = endpoint["EndpointStatus"]
        if status == "Updating":
            return f"{version}>{self._version(self.awaited or '')}"
        return {"InService": "", "Creating": ">", "Failed": "!"}[status] + version

    @contextmanager
    def before(self, operation: str, act: Callable[[], None]) -> Iterator[None]:
        """Do something else just before the first request of that operation."""
        done = []

        def once(**_others: Any) -> None:
            if not done:
                done.append(operation)
                act()

        name = f"before-call.sagemaker.{operation}"
        self.client.meta.events.register(name, once)
        try:
            yield
        finally:
            self.client.meta.events.unregister(name, once)

    @contextmanager
    def requests(self, operation: str) -> Iterator[list[dict[str, Any]]]:
        """What is asked of that operation meanwhile."""
        found: list[dict[str, Any]] = []

        def note(params: dict[str, Any], **_others: Any) -> None:
            found.append(params)

        name = f"provide-client-params.sagemaker.{operation}"
        self.client.meta.events.register(name, note)
        try:
            yield found
        finally:
            self.client.meta.events.unregister(name, note)

    def _version(self, config: str) -> str:
        model = self.store.get("EndpointConfig", config)["ProductionVariants"][0]["ModelName"]
        container = self.store.get("Model", model)["PrimaryContainer"]
        return str(container.get("ModelPackageName", "?")).rpartition("/")[2]

    def collect(self) -> None:
        """Take new events out of the queue; of each kind and version the newest is kept."""
        for pending in self.store.list(PENDING):
            event = pending["Event"]
            self.store.delete(PENDING, event["id"])
            detail = event["detail"]
            if "EndpointName" in detail:
                self.events["end"] = event
            else:
                letter = {"Approved": "a", "Rejected": "r"}[detail["ModelApprovalStatus"]]
                self.events[f"{letter}{detail['ModelPackageVersion']}"] = event


def put_in_one_moment(*events: Event, only_seconds: bool = False) -> None:
    """Let events say one and the same time; `only_seconds`: as EventBridge's own `time` does."""
    for event in events:
        if only_seconds:
            del event["detail"]["LastModifiedTime"]
            event["time"] = events[0]["time"]
        else:
            event["detail"]["LastModifiedTime"] = events[0]["detail"]["LastModifiedTime"]


def run(world: World, steps: str) -> None:
    """Do these steps, as the table of sequences writes them."""
    for step in steps.split():
        do(world, step)


def do(world: World, step: str) -> None:
    """Do one step."""
    letter, number = step[0], step[1:]
    if step in ("hand", "anew"):
        _change_by_hand(world, anew=step == "anew")
    elif step.startswith("back"):
        asked: dict[str, Any] = {"endpoint_name": PRODUCTION, "version": step[4:] or None}
        world.handle({"rollback": asked})
    elif step.startswith("="):
        world.handle(world.events[number])
    elif step.lower() in ("ok", "bad"):
        event = world.end(well=step.lower() == "ok")
        if step.islower():
            world.handle(event)
    elif letter == "x":
        world.client.delete_model_package(ModelPackageName=world.package(number))
    else:
        event = world.decide(letter.lower(), number)
        if letter in "ar":
            world.handle(event)


def _change_by_hand(world: World, *, anew: bool) -> None:
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/other.tar.gz"}
    world.client.create_model(ModelName="other", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "other", "InitialInstanceCount": 1}
    world.client.create_endpoint_config(EndpointConfigName="other", ProductionVariants=[variant])
    if anew:
        world.client.delete_endpoint(EndpointName=PRODUCTION)
        world.client.create_endpoint(EndpointName=PRODUCTION, EndpointConfigName="other")
    else:
        world.client.update_endpoint(EndpointName=PRODUCTION, EndpointConfigName="other")
    world.handle(world.end(well=True))
