"""Start, switch, restart and end the model servers behind the endpoints.

What should run stands in the store, so endpoints outlive the process that hosts them: a later one
starts a server again when it is first asked for.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.local.service.hosting.captures import Captures, Exchange
from pipeline.local.service.hosting.model_process import (
    START_SECONDS,
    ModelServer,
    ModelServerGoneError,
    Reply,
    start_model_server,
)
from pipeline.local.service.hosting.transforms import Transforms
from pipeline.local.service.operations.context import REGION, OperationContext
from pipeline.local.service.operations.endpoints import (
    awaited_config,
    fail_deployment,
    finish_deployment,
)
from pipeline.local.service.operations.models import find_endpoint_config, hosted_model
from pipeline.local.store import Document, Store
from pipeline.settings.serverless import MAXIMUM_BODY

_DEFAULT = "default"
_log = logging.getLogger(__name__)


class EndpointUnavailableError(PipelineError):
    """An endpoint is not there, not yet in service, or has no such variant."""


class RequestTooLargeError(PipelineError):
    """A request is larger than SageMaker passes on to an endpoint of this kind."""


@dataclass(frozen=True)
class _Running:
    generation: str
    server: ModelServer


class Hosting:
    """A host of a store's endpoints, for as long as it is open. Safe to use from any thread."""

    def __init__(self, store: Store, start_seconds: float = START_SECONDS) -> None:
        self._store = store
        self._start_seconds = start_seconds
        self._running: dict[str, _Running] = {}
        self._starting: dict[str, threading.Lock] = {}
        self._deploying: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._default: Path | None = None
        self._captures = Captures(store)
        self._transforms = Transforms(store, self._ask, self._end, self._closing)

    def wake(self) -> None:
        """Begin the deployments and transform jobs that wait, also those an ended host left."""
        self._transforms.wake()
        for endpoint in self._store.list("Endpoint"):
            if awaited_config(endpoint):
                self._deploy_in_background(endpoint["EndpointName"])

    def settle(self, seconds: float) -> bool:
        """Wait until no endpoint is being created or updated; False when it takes longer."""
        with self._lock:
            threads = list(self._deploying.values())
        for thread in threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in threads)

    def invoke(
        self, endpoint: str, body: bytes, headers: Mapping[str, str], variant: str | None = None
    ) -> tuple[Reply, str]:
        """Return the model's own answer, and the name of the variant that gave it.

        Raises EndpointUnavailableError, RequestTooLargeError, ModelServerError, ModelTimeoutError.
        """
        document = self._store.get("Endpoint", endpoint)
        if document is None:
            self.forget(endpoint)
            raise EndpointUnavailableError(f"Endpoint {endpoint} not found.")
        hosted = self._store.get("HostedModel", endpoint)
        if hosted is None:
            status = f"{document['EndpointStatus']} {document.get('FailureReason', '')}".strip()
            raise EndpointUnavailableError(f"Endpoint {endpoint} is not in service: {status}.")
        if variant and variant != hosted["VariantName"]:
            raise EndpointUnavailableError(f"Endpoint {endpoint} has no variant {variant}.")
        if hosted.get("ServerlessConfig") and len(body) > MAXIMUM_BODY:
            most = f"a serverless endpoint takes at most {MAXIMUM_BODY:,}"
            raise RequestTooLargeError(f"{len(body):,} bytes: {most}.")
        name = hosted["VariantName"]
        reply = self._ask(f"endpoint/{endpoint}", hosted, body, headers)
        asked = Exchange(endpoint, name, headers, body, reply)
        self._captures.add(hosted.get("DataCaptureConfig"), asked)
        return reply, name

    def set_default(self, archive: Path) -> None:
        """Load the model that /ping and /invocations answer with. Raises ModelServerError."""
        self._default = archive
        self._ensure(_DEFAULT, self._default_hosted())

    def invoke_default(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return the default model's own answer.

        Raises EndpointUnavailableError when none is set, ModelServerError, ModelTimeoutError.
        """
        return self._ask(_DEFAULT, self._default_hosted(), body, headers)

    def metrics(self, endpoint: str | None = None) -> Reply:
        """Return what an endpoint's or the default model's server counted since its start.

        Raises EndpointUnavailableError when none runs here, or ModelServerError.
        """
        running = self._running.get(f"endpoint/{endpoint}" if endpoint else _DEFAULT)
        if running is None:
            raise EndpointUnavailableError(f"No model server runs here for {endpoint or _DEFAULT}.")
        return running.server.metrics()

    def is_default_well(self) -> bool:
        """Check whether the default model answers its health check."""
        running = self._running.get(_DEFAULT)
        return running is not None and running.server.is_well()

    def is_at_work(self, endpoint: str) -> bool:
        """Check whether the endpoint is being created or updated here, at this moment."""
        return endpoint in self._deploying

    def forget(self, endpoint: str) -> None:
        """End the model server of an endpoint, if one runs here."""
        self._end(f"endpoint/{endpoint}")

    def close(self) -> None:
        """End every model server."""
        self._closing.set()
        self._transforms.settle(5)
        self.settle(5)
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
        for each in running:
            each.server.stop()

    def _default_hosted(self) -> Document:
        if self._default is None:
            raise EndpointUnavailableError("No default model: start it with --model.")
        return {"Generation": str(self._default), "Archive": str(self._default)}

    def _end(self, key: str) -> None:
        with self._lock:
            running = self._running.pop(key, None)
        if running:
            running.server.stop()

    def _ask(self, key: str, hosted: Document, body: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            return self._ensure(key, hosted).invoke(body, headers)
        except ModelServerGoneError:
            return self._ensure(key, hosted).invoke(body, headers)  # it never saw the request

    def _ensure(self, key: str, hosted: Document) -> ModelServer:
        """Return the running server of this generation; start it if there is none or it ended."""
        with self._starting_lock(key):
            running = self._running.get(key)
            current = running is not None and running.generation == hosted["Generation"]
            if running and current and running.server.process.poll() is None:
                return running.server
            return self._replace(key, hosted["Generation"], self._start(key, hosted))

    def _starting_lock(self, key: str) -> threading.Lock:
        with self._lock:
            return self._starting.setdefault(key, threading.Lock())

    def _start(self, key: str, hosted: Document) -> ModelServer:
        archive = hosted.get("Archive") or self._store.path(hosted["ModelDataUrl"])
        folder = self._store.root / "endpoints"
        return start_model_server(
            Path(archive),
            folder,
            folder / f"{key.replace('/', '-')}.log",
            {"AWS_REGION": hosted.get("Region", REGION)} | hosted.get("Environment", {}),
            cancel=self._closing,
            seconds=self._start_seconds,
        )

    def _replace(self, key: str, generation: str, server: ModelServer) -> ModelServer:
        with self._lock:
            old = self._running.get(key)
            self._running[key] = _Running(generation, server)
        if old:
            old.server.stop()
        return server

    def _deploy_in_background(self, endpoint: str) -> None:
        with self._lock:
            if endpoint in self._deploying:
                return
            thread = threading.Thread(target=self._deploy, args=(endpoint,), daemon=True)
            thread.start()
            self._deploying[endpoint] = thread

    def _deploy(self, endpoint: str) -> None:
        try:
            while config := self._next_config(endpoint):
                self._deploy_config(endpoint, config)
        except PipelineError as error:  # the state cannot be written: the next wake tries again
            _log.error("endpoint %s waits still: %s", endpoint, error)
        except Exception:
            _log.exception("endpoint %s waits still", endpoint)
        finally:
            with self._lock:
                if self._deploying.get(endpoint) is threading.current_thread():
                    del self._deploying[endpoint]
            self._store.close()

    def _next_config(self, endpoint: str) -> str | None:
        # Under the lock, so that a wake either is seen here or starts a thread of its own.
        with self._lock:
            config = awaited_config(self._store.get("Endpoint", endpoint))
            if config is None or self._closing.is_set():
                del self._deploying[endpoint]
                return None
            return config

    def _deploy_config(self, endpoint: str, config: str) -> None:
        try:
            hosted = resolve_model(OperationContext(self._store), config)
            self._switch(endpoint, config, hosted, self._start(f"endpoint/{endpoint}", hosted))
        except PipelineError as error:
            self._fail(endpoint, config, str(error))
        except Exception as error:  # nobody else would end the wait for this endpoint
            _log.exception("endpoint %s cannot be deployed", endpoint)
            self._fail(endpoint, config, f"{type(error).__name__}: {error}")

    def _fail(self, endpoint: str, config: str, reason: str) -> None:
        if not self._closing.is_set():
            fail_deployment(self._store, endpoint, config, reason)

    def _switch(self, endpoint: str, config: str, hosted: Document, server: ModelServer) -> None:
        """Let a server answer for an endpoint; end it if the endpoint waits for another one."""
        key, taken = f"endpoint/{endpoint}", False
        try:
            # The lock keeps a request that comes just now from starting a second server.
            with self._starting_lock(key):
                if taken := finish_deployment(self._store, endpoint, config, hosted):
                    self._replace(key, hosted["Generation"], server)
        finally:
            if not taken:
                server.stop()


def resolve_model(context: OperationContext, config: str) -> Document:
    """Collect what a host needs to run an endpoint configuration. Raises ApiError."""
    document = find_endpoint_config(context, config)
    variant = document["ProductionVariants"][0]
    return hosted_model(context, variant["ModelName"]) | {
        "EndpointConfigName": config,
        "VariantName": variant["VariantName"],
        "InstanceCount": variant.get("InitialInstanceCount", 1),
        "ServerlessConfig": variant.get("ServerlessConfig"),
        "DataCaptureConfig": document.get("DataCaptureConfig"),
    }
