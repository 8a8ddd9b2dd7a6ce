"""An account without AWS: real clients, answered by the local API and by the files of a store."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from pipeline.aws.clients import Aws
from pipeline.aws.timing import Timing
from pipeline.command_line.running import ROOT
from pipeline.console.account import Account
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.operations.context import ACCOUNT, REGION
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import session
from tests.pipeline.aws.watch_support import Logs, Watch
from tests.pipeline.console.registry_support import RegistryVisitor

Answered = tuple[int, bytes]
_PART = re.compile(r"bytes=(\d+)-(\d+)")
_ASKED = {"StopPipelineExecution": "Stopping", "RetryPipelineExecution": "Executing"}


@dataclass
class Cloud:
    """An account: `sent` are the operations that left it, `refused` those it refuses, and how."""

    store: Store
    sent: list[str] = field(default_factory=list)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    invoked: list[Any] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    clients: dict[str, Any] = field(default_factory=dict)
    logs: Logs = field(default_factory=Logs)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(sent=self.sent, refused=self.refused)

    @property
    def aws(self) -> Aws:
        """Its clients."""
        return Aws(REGION, ACCOUNT, self._client)

    def _client(self, service: str) -> Any:
        if service not in self.clients:
            here = service == "sagemaker"
            client = sagemaker_client(self.store) if here else session().client(service)
            events = client.meta.events
            self.clients[service] = client
            if service == "cloudwatch":  # whose requests are no text
                self.watch.listen(client)
                return client
            events.register_first(f"before-send.{service}", partial(self._look, service))
            if not here:
                events.register(f"before-send.{service}", self._answers(service))
        return self.clients[service]

    def _look(self, service: str, request: Any, **_others: Any) -> Any:
        name = _operation(request)
        self.sent.append(name)
        if name not in self.refused:
            does = _ASKED.get(name)
            return _response(request, self._asked(request, does)) if does else None
        code, message = self.refused[name]
        body = json.dumps({"__type": code, "message": message}).encode()
        if service == "s3":
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return _response(request, (400, body))

    def _answers(self, service: str) -> Callable[..., Any]:
        own = {"s3": self._read, "lambda": self._invoke, "logs": self._log}
        answer = {**own, "sagemaker-runtime": _predict}[service]
        return lambda request, **_others: _response(request, answer(request))

    def _read(self, request: Any) -> Answered:
        host, path = urlsplit(request.url).netloc, unquote(urlsplit(request.url).path)
        bucket = host.partition(".s3.")[0] if ".s3." in host else ""
        file = self.store.path(f"s3://{bucket}{path}" if bucket else f"s3:/{path}")
        if not file.is_file():
            return 404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
        content = file.read_bytes()
        if part := _PART.fullmatch(str(request.headers.get("Range", b""), "ascii")):
            return 206, content[int(part[1]) : int(part[2]) + 1]
        return 200, content

    def _log(self, request: Any) -> Answered:
        answer = self.logs.answer(_operation(request), json.loads(request.body))
        return 200, json.dumps(answer).encode()

    def _asked(self, request: Any, status: str) -> Answered:
        """Stop or retry an execution: this machine's API would end or start a process."""
        del request.headers["X-Amz-Target"]  # it hears of the request as well
        arn = json.loads(request.body)["PipelineExecutionArn"]
        (self.stopped if status == "Stopping" else self.retried).append(arn)
        run = self.store.get("PipelineExecution", arn.rpartition("/")[2])
        assert run is not None
        run = {**run, "PipelineExecutionStatus": status}
        self.store.put("PipelineExecution", arn.rpartition("/")[2], run, arn=arn)
        return 200, json.dumps({"PipelineExecutionArn": arn}).encode()

    def _invoke(self, request: Any) -> Answered:
        self.invoked.append((urlsplit(request.url).path, json.loads(request.body)))
        answer = {"action": "updating", "reason": "as asked", "endpoint_name": "dogs-production"}
        return 200, json.dumps(answer).encode()


def account_settings() -> Settings:
    """The settings of a project whose pipeline is `pipeline` and whose group is `dogs`."""
    mine = (
        'project="pipeline"',
        'registry.group="dogs"',
        'deploy.production.endpoint_name="dogs-production"',
        'deploy.endpoint_name="dogs-staging"',
        "backbone.weights=none",
    )
    return load_settings(ROOT / "pipeline.yaml", None, mine)


@cache
def _settings() -> Settings:
    return account_settings()


def visitor(cloud: Cloud, folder: Path) -> RegistryVisitor:
    """Open a console of an account whose time stands still: it asks again when it is told to."""
    folder.mkdir(exist_ok=True)
    opened = datetime.now(UTC)
    timing = Timing(now=lambda: opened, seconds=lambda: 0.0)
    return RegistryVisitor(folder, account=Account(cloud.aws, _settings(), folder, timing))


def create_endpoint(store: Store, name: str, package: str = "") -> None:
    """Create an endpoint of a registered version, as it is once it is in service."""
    client = sagemaker_client(store)
    client.create_model(ModelName=name, PrimaryContainer={"Image": "image:1"})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
        Tags=[{"Key": "model-package-arn", "Value": package}] if package else [],
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    found = store.get("Endpoint", name)
    assert found is not None
    variants = [{"VariantName": "AllTraffic", "CurrentWeight": 1.0, "CurrentInstanceCount": 1}]
    live = {**found, "EndpointStatus": "InService", "ProductionVariants": variants}
    store.put("Endpoint", name, live, arn=found["EndpointArn"])


def _operation(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", "")
    text = target.decode() if isinstance(target, bytes) else str(target)
    return text.rpartition(".")[2] or urlsplit(request.url).path.rpartition("/")[2]


def _predict(_request: Any) -> Answered:
    answer = {"predictions": [{"probabilities": {"beagle": 0.75, "boxer": 0.25}}]}
    return 200, json.dumps(answer).encode()


def _response(request: Any, answered: Answered) -> AWSResponse:
    status, body = answered
    raw = HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
    return AWSResponse(request.url, status, {"content-length": str(len(body))}, raw)
