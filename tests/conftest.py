"""Shared by many: skips; compiled definitions, a tiny model, a registry, a service."""

import contextlib
import gc
import importlib
import io
import json
import logging
import os
import signal
import socket
import sys
import tarfile
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader
from hypothesis import HealthCheck, settings

from pipeline.command_line.running import ROOT
from pipeline.definition.compile_cache import compiled_monitoring, definition_text
from pipeline.local.service.credentials import ACCESS_KEY, own_secret
from pipeline.local.service.server import Service, running_service
from pipeline.local.store import Store
from pipeline.settings.model import Settings
from tests.distribution import (  # noqa: F401 - hooks of pytest
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.skips import skips_in_words

ECHO = """
import json
import os

class RequestError(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

def model_fn(model_dir):
    with open(model_dir + "/label.txt") as file:
        return file.read()

def input_fn(body, content_type):
    if content_type == "image/png":
        raise RequestError(415, "unsupported_type", "no PNG here")
    if body == b"crash":
        raise ValueError("secret detail")
    if body == b"die":
        os._exit(3)
    return body

def predict_fn(data, model):
    probabilities = {model: 0.75, "other": 0.25}
    return {"label": model, "probability": 0.75, "probabilities": probabilities,
            "size": len(data), "type": type(data).__name__, "pid": os.getpid()}

def output_fn(prediction, accept):
    return json.dumps({"predictions": [prediction]}), "application/json"
"""

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

Definition = dict[str, Any]
WriteModel = Callable[..., Path]
RegisterPackage = Callable[..., str]


def pytest_configure() -> None:
    """Hide the machine's AWS account and proxies from all tests and what they start."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.upper().endswith("_PROXY"):
            del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    _load_protobuf_for_smdebug()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave modules and tests out of Python's searches for garbage: they stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin each test with one thread of PyTorch's: more would wait for each other, by spinning."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _load_protobuf_for_smdebug() -> None:
    """Choose for this process alone: a job that a test starts has to do so itself."""
    name = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    os.environ[name] = "python"
    with contextlib.suppress(ImportError):
        importlib.import_module("google.protobuf.internal.api_implementation")
    del os.environ[name]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Say in the very last line how many tests were skipped, and why."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    reporter.write_line(skips_in_words(reporter.stats.get("skipped", [])))


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Hear all loggers: a library that another test loaded may have silenced them."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    return caplog


@pytest.fixture(scope="session", autouse=True)
def models_of_services_are_read_once() -> Iterator[None]:
    """Give all boto3 sessions of a process one loader: it would parse megabytes for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def the_sdk_checks_a_configuration_once() -> Iterator[None]:
    """Keep what the SageMaker SDK found out: with each compilation it checks its own schema."""
    with pytest.MonkeyPatch.context() as patch:
        if sdk := sys.modules.get("sagemaker.session"):
            validate = sdk.validate_sagemaker_config
            check = cache(lambda text: validate(json.loads(text)))
            patch.setattr(sdk, "validate_sagemaker_config", lambda given: check(json.dumps(given)))
        yield


@pytest.fixture(scope="session")
def monitoring_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Definition]:
    """Compiles the monitoring pipeline's definition; each settings once."""
    state = tmp_path_factory.mktemp("monitoring")

    def compile_once(settings: Settings) -> Definition:
        definition = compiled_monitoring(settings, ROOT, state)
        assert definition is not None  # monitor.enabled
        return definition

    return compile_once


@pytest.fixture(scope="session")
def definition_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Definition]:
    """The definition of some settings, compiled once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    state = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    known: dict[str, str] = {}

    def compile_once(settings: Settings) -> Definition:
        name = settings.model_dump_json()
        if name not in known:
            known[name] = definition_text(settings, ROOT, state)
        definition: Definition = json.loads(known[name])
        return definition

    return compile_once


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Packs a model.tar.gz whose predictions carry the label; it loads when `after` is there."""

    def write(
        path: Path, label: str = "beagle", code: str = ECHO, after: Path | None = None
    ) -> Path:
        if after is not None:
            wait = f"while not os.path.exists({str(after)!r}): time.sleep(0.01)"
            code = f"import os, time\n{wait}\n{code}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as archive:
            for name, text in {"label.txt": label, "code/inference.py": code}.items():
                data = text.encode()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return write


@pytest.fixture(scope="session")
def register_package() -> RegisterPackage:
    """Registers a version through a SageMaker client, and its group first; answers the ARN."""

    def register(client: Any, model_data: str, group: str = "dogs", **extra: Any) -> str:
        groups = client.list_model_package_groups(NameContains=group)
        if not groups["ModelPackageGroupSummaryList"]:
            client.create_model_package_group(ModelPackageGroupName=group)
        specification = {
            "Containers": [{"Image": "image:1", "ModelDataUrl": model_data}],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        }
        answer = client.create_model_package(
            ModelPackageGroupName=group, InferenceSpecification=specification, **extra
        )
        arn: str = answer["ModelPackageArn"]
        return arn

    return register


@pytest.fixture
def hangup_is_heeded() -> Iterator[None]:
    """Take SIGHUP's usual meaning, which nohup has taken from the tests that it started."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def held_port() -> Iterator[int]:
    """A port of this machine where nobody listens, and only who is told of it can, meanwhile."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Empty local state."""
    return Store(tmp_path / "state")


@pytest.fixture
def service(store: Store) -> Iterator[Service]:
    """A live local service on `store`, at a free port."""
    with running_service(store) as running:
        yield running


@pytest.fixture
def connect(store: Store) -> Callable[..., Any]:
    """An unmodified boto3 client of a service on `store`, over HTTP, with its credentials."""
    import boto3

    def client(url: str, name: str = "sagemaker") -> Any:
        return boto3.client(
            name,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=own_secret(store.root),
        )

    return client
