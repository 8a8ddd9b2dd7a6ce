"""Endpoints come into service, switch without a gap, go back when the new model is bad."""

import base64
import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.api import ApiError, LocalApi
from pipeline.local.service.hosting.host import (
    EndpointUnavailableError,
    Hosting,
    RequestTooLargeError,
)
from pipeline.local.service.hosting.model_process import ModelServerError
from pipeline.local.store import Store, StoreError
from tests.patience import wait_until

BROKEN = "def model_fn(model_dir):\n    raise RuntimeError('weights do not fit')\n"
WriteModel = Callable[..., Path]
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture
def hosting(store: Store) -> Iterator[Hosting]:
    hosting = Hosting(store, start_seconds=120)
    yield hosting
    hosting.close()


@pytest.fixture
def api(store: Store, hosting: Hosting) -> LocalApi:
    return LocalApi(store, hosting)


def _config(
    api: LocalApi, name: str, capture: dict[str, Any] | None = None, **environment: str
) -> str:
    """A model at s3://b/<name>.tar.gz and a configuration of the same name for it."""
    data = f"s3://b/{name}.tar.gz"
    container = {"Image": "image:1", "ModelDataUrl": data, "Environment": environment}
    api.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 2}
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    api.call("CreateEndpointConfig", config | ({"DataCaptureConfig": capture} if capture else {}))
    return name


def _create(api: LocalApi, config: str) -> None:
    api.call("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": config})


def _update(api: LocalApi, config: str) -> None:
    api.call("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": config})


def _describe(api: LocalApi) -> dict[str, Any]:
    return api.call("DescribeEndpoint", {"EndpointName": "e"})


def _prediction(hosting: Hosting, body: bytes = b"abc") -> dict[str, Any]:
    reply, variant = hosting.invoke("e", body, JPEG)
    assert (reply.status, variant) == (200, "AllTraffic")
    prediction: dict[str, Any] = json.loads(reply.body)["predictions"][0]
    return prediction


def test_what_is_asked_is_captured_where_the_configuration_says_so(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), "beagle")
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://b/capture",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    _create(api, _config(api, "a", capture))
    assert hosting.settle(120)
    _prediction(hosting, b"abc")
    (path,) = store.path("s3://b/capture/e/AllTraffic").rglob("*.jsonl")
    data = json.loads(path.read_text())["captureData"]
    assert base64.b64decode(data["endpointInput"]["data"]) == b"abc"
    assert b"beagle" in base64.b64decode(data["endpointOutput"]["data"])


def test_a_serverless_endpoint_answers_up_to_its_largest_body(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    data = "s3://b/a.tar.gz"
    write_model(store.path(data))
    container = {"Image": "image:1", "ModelDataUrl": data}
    api.call("CreateModel", {"ModelName": "a", "PrimaryContainer": container})
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
    variant = {"VariantName": "AllTraffic", "ModelName": "a", "ServerlessConfig": serverless}
    config = {"EndpointConfigName": "a", "ProductionVariants": [variant]}
    api.call("CreateEndpointConfig", config)
    _create(api, "a")
    assert hosting.settle(120)
    assert _prediction(hosting, bytes(4_194_304))["size"] == 4_194_304
    with pytest.raises(RequestTooLargeError, match="at most 4,194,304"):
        hosting.invoke("e", bytes(4_194_305), JPEG)


def test_an_endpoint_is_creating_and_then_in_service(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel, tmp_path: Path
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), "beagle", after=tmp_path / "go")
    _create(api, _config(api, "a"))
    assert _describe(api)["EndpointStatus"] == "Creating"
    assert not hosting.settle(0)
    (tmp_path / "go").touch()
    assert hosting.settle(120)
    endpoint = _describe(api)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert _prediction(hosting)["label"] == "beagle"
    with pytest.raises(EndpointUnavailableError, match="no variant blue"):
        hosting.invoke("e", b"a", JPEG, "blue")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (BROKEN, "RuntimeError: weights do not fit"),
        ("model_fn = 3\n", "no function model_fn"),
        ("def model_fn(model_dir): return 1\n", "no function input_fn"),
        ("import os; os._exit(4)\n", "exit code 4 ended it, silently"),
        (None, "there is no model at"),
    ],
)
def test_a_model_that_does_not_load_fails_with_its_reason(
    hosting: Hosting, store: Store, write_model: WriteModel, code: str | None, reason: str
) -> None:
    api = LocalApi(store, hosting)
    if code:
        write_model(store.path("s3://b/bad.tar.gz"), code=code)
    _create(api, _config(api, "bad"))
    assert hosting.settle(120)
    endpoint = _describe(api)
    assert endpoint["EndpointStatus"] == "Failed"
    assert reason in endpoint["FailureReason"]
    with pytest.raises(EndpointUnavailableError, match="not in service: Failed"):
        hosting.invoke("e", b"a", JPEG)
    with pytest.raises(ApiError, match="in status Failed"):
        _update(api, "bad")
    api.call("DeleteEndpoint", {"EndpointName": "e"})


def test_a_model_without_data_fails_the_endpoint(api: LocalApi, hosting: Hosting) -> None:
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "image:1"}})
    variant = {"VariantName": "AllTraffic", "ModelName": "m"}
    api.call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})
    _create(api, "c")
    assert hosting.settle(120)
    assert _describe(api)["FailureReason"] == "Model m has no ModelDataUrl to load."


@pytest.fixture
def impossible(store: Store, write_model: WriteModel) -> str:
    """A configuration whose model server cannot be started, for a reason nobody thought of."""
    write_model(store.path("s3://b/a.tar.gz"))
    container = {
        "Image": "i",
        "ModelDataUrl": "s3://b/a.tar.gz",
        "Environment": {"WORD": "no process takes a \0"},
    }
    api = LocalApi(store)
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": "m"}
    api.call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})
    return "c"


def test_any_error_fails_the_endpoint_and_it_can_be_deleted(
    api: LocalApi, hosting: Hosting, impossible: str
) -> None:
    for _ in range(2):  # nothing is left of the first that would hinder the second
        _create(api, impossible)
        assert hosting.settle(120)
        endpoint = _describe(api)
        assert endpoint["EndpointStatus"] == "Failed"
        assert endpoint["FailureReason"] == "ValueError: embedded null byte"
        api.call("DeleteEndpoint", {"EndpointName": "e"})


def test_an_endpoint_that_an_earlier_service_left_creating_fails_too(
    api: LocalApi, hosting: Hosting, store: Store, impossible: str
) -> None:
    _create(LocalApi(store), impossible)
    hosting.wake()
    assert hosting.settle(120)
    assert _describe(api)["EndpointStatus"] == "Failed"
    api.call("DeleteEndpoint", {"EndpointName": "e"})


class FullStore(Store):
    """A store on a disk that takes no more documents of some kinds."""

    refused: tuple[str, ...] = ()

    def put(self, kind: str, name: str, body: dict[str, Any], arn: str | None = None) -> None:
        if kind in self.refused:
            raise StoreError("the disk is full")
        super().put(kind, name, body, arn)


@pytest.fixture
def full(store: Store) -> FullStore:
    return FullStore(store.root)


@pytest.fixture
def full_hosting(full: FullStore) -> Iterator[Hosting]:
    hosting = Hosting(full, start_seconds=120)
    yield hosting
    hosting.close()


def test_a_full_disk_fails_the_endpoint_and_ends_its_server(
    full: FullStore, full_hosting: Hosting, write_model: WriteModel
) -> None:
    api = LocalApi(full, full_hosting)
    write_model(full.path("s3://b/a.tar.gz"))
    full.refused = ("HostedModel",)
    _create(api, _config(api, "a"))
    assert full_hosting.settle(120)
    endpoint = _describe(api)
    assert (endpoint["EndpointStatus"], endpoint["FailureReason"]) == ("Failed", "the disk is full")
    assert not list((full.root / "endpoints").glob("model-*"))  # it removes its folder as it ends


@pytest.mark.parametrize("mend", ["delete", "wake"])
def test_where_not_even_the_failure_can_be_written_the_endpoint_is_not_stuck(
    full: FullStore, full_hosting: Hosting, impossible: str, mend: str
) -> None:
    api = LocalApi(full, full_hosting)
    _create(LocalApi(full), impossible)
    full.refused = ("Endpoint",)
    full_hosting.wake()
    assert full_hosting.settle(120)
    assert _describe(api)["EndpointStatus"] == "Creating"
    full.refused = ()
    if mend == "wake":
        full_hosting.wake()
        assert full_hosting.settle(120)
        assert _describe(api)["EndpointStatus"] == "Failed"
    api.call("DeleteEndpoint", {"EndpointName": "e"})


def test_an_update_switches_without_a_gap(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel, tmp_path: Path
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), "beagle")
    write_model(store.path("s3://b/b.tar.gz"), "boxer", after=tmp_path / "go")
    _create(api, _config(api, "a"))
    assert hosting.settle(120)
    old = _prediction(hosting)["pid"]
    stop, seen = threading.Event(), []

    def keep_asking() -> None:
        while not stop.is_set():
            seen.append(_prediction(hosting)["label"])

    pool = ThreadPoolExecutor(1)
    asking = pool.submit(keep_asking)
    _update(api, _config(api, "b"))
    endpoint = _describe(api)
    assert endpoint["EndpointStatus"] == "Updating"
    assert endpoint["EndpointConfigName"] == "a"
    assert endpoint["PendingDeploymentSummary"] == {"EndpointConfigName": "b"}
    with pytest.raises(ApiError, match="Cannot update in-progress endpoint"):
        _update(api, "a")
    with pytest.raises(ApiError, match="Cannot update in-progress endpoint"):
        api.call("DeleteEndpoint", {"EndpointName": "e"})
    (tmp_path / "go").touch()
    assert hosting.settle(120)
    stop.set()
    pool.shutdown()
    asking.result()
    assert _prediction(hosting)["label"] == "boxer"
    assert seen == sorted(seen)  # beagle, then boxer, and not one failure
    assert _describe(api)["EndpointConfigName"] == "b"
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)


def test_an_update_to_a_bad_model_goes_back(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), "beagle")
    write_model(store.path("s3://b/bad.tar.gz"))
    _create(api, _config(api, "a"))
    assert hosting.settle(120)
    before = _prediction(hosting)
    _update(api, _config(api, "bad", SAGEMAKER_PROGRAM="serve.py"))
    assert hosting.settle(120)
    endpoint = _describe(api)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "a")
    assert "the model has no code/serve.py" in endpoint["FailureReason"]
    assert "PendingDeploymentSummary" not in endpoint
    assert _prediction(hosting) == before
    _update(api, "a")
    assert hosting.settle(120)
    assert "FailureReason" not in _describe(api)


MORTAL = """
import json, os, socket, sys, threading
def model_fn(model_dir): return int(sys.argv[sys.argv.index("--fd") + 1])
def input_fn(body, kind):
    print("asked to", body.decode(), flush=True)
    return body
def predict_fn(data, listener):
    if data == b"die":
        os._exit(3)
    if data == b"close":  # as at the end: connections are refused before the process is gone
        socket.socket(fileno=os.dup(listener)).shutdown(socket.SHUT_RDWR)
        threading.Timer(0.2, os._exit, [3]).start()
    return [{"pid": os.getpid()}]
def output_fn(found, accept): return json.dumps({"predictions": found})
"""


def test_a_model_server_that_dies_is_started_again_but_not_asked_again(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), code=MORTAL)
    _create(api, _config(api, "a"))
    assert hosting.settle(120)
    pids = [_prediction(hosting)["pid"]]
    with pytest.raises(ModelServerError, match="the model server ended: exit code 3 ended it"):
        hosting.invoke("e", b"die", JPEG)
    log = (store.root / "endpoints" / "endpoint-e.1.log").read_text()
    assert log.count("asked to die") == 1  # it would end the next server too
    pids.append(_prediction(hosting)["pid"])
    with contextlib.suppress(ModelServerError):  # it may be gone before it has answered
        hosting.invoke("e", b"close", JPEG)
    pids.append(_prediction(hosting)["pid"])  # what was refused a connection is asked again
    assert len(set(pids)) == 3
    assert hosting.metrics("e").status == 200
    logs = sorted((store.root / "endpoints").glob("endpoint-e.*.log"))
    assert [path.read_text().count("asked to die") for path in logs] == [1, 0, 0]
    hosting.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[-1], 0)


def test_what_another_process_changed_is_noticed(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), "beagle")
    write_model(store.path("s3://b/b.tar.gz"), "boxer")
    _create(api, _config(api, "a"))
    assert hosting.settle(120)
    first = _prediction(hosting)["pid"]
    elsewhere = Hosting(Store(store.root))
    try:
        other = LocalApi(store, elsewhere)
        _update(other, _config(other, "b"))
        assert elsewhere.settle(120)
        second = _prediction(hosting)
        assert second["label"] == "boxer"
        other.call("DeleteEndpoint", {"EndpointName": "e"})
        with pytest.raises(EndpointUnavailableError, match="not found"):
            hosting.invoke("e", b"a", JPEG)
    finally:
        elsewhere.close()
    for pid in (first, second["pid"]):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_deployment_that_was_interrupted_is_taken_up_again(
    store: Store, hosting: Hosting, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"), after=store.root / "never")
    earlier = Hosting(store)
    api = LocalApi(store, earlier)
    _create(api, _config(api, "a"))
    wait_until(lambda: list((store.root / "endpoints").glob("model-*")))
    earlier.close()
    assert earlier.settle(0)  # what it was at has ended, long before the model was there
    assert _describe(api)["EndpointStatus"] == "Creating"
    write_model(store.path("s3://b/a.tar.gz"))
    hosting.wake()
    assert hosting.settle(120)
    assert _describe(api)["EndpointStatus"] == "InService"


def test_a_running_endpoint_needs_neither_its_model_nor_its_config(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    write_model(store.path("s3://b/a.tar.gz"))
    _create(api, _config(api, "a"))
    assert hosting.settle(120)
    api.call("DeleteEndpointConfig", {"EndpointConfigName": "a"})
    api.call("DeleteModel", {"ModelName": "a"})
    hosting.forget("e")
    assert _prediction(hosting)["label"] == "beagle"


TELL_ENVIRONMENT = """
import json, os
def model_fn(model_dir): return dict(os.environ)
def input_fn(body, kind): return body
def predict_fn(data, model): return [model]
def output_fn(found, accept): return json.dumps({"predictions": found})
"""


def test_a_model_sees_nothing_of_the_users_own_environment(
    store: Store, hosting: Hosting, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MY_TOKEN", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    write_model(store.path("s3://b/a.tar.gz"), code=TELL_ENVIRONMENT)
    api = LocalApi(store, hosting, region="eu-west-1")
    _create(api, _config(api, "a", MKL_NUM_THREADS="2", SERVING_METRICS_LOG="/dev/stdout"))
    assert hosting.settle(120)
    seen = _prediction(hosting)
    assert "secret" not in seen.values()
    assert list(Path(seen["HOME"]).iterdir()) == []  # so no credentials file is found
    assert Path(seen["TMPDIR"]).is_dir()
    kept = ("AWS_REGION", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    assert [seen[name] for name in kept] == ["eu-west-1", "-1", "1", "2"]
    assert seen["SERVING_METRICS_LOG"] == "stdout"  # there is one log here


def test_environment_and_data_come_from_the_package_and_the_model_has_the_last_word(
    api: LocalApi, hosting: Hosting, store: Store, write_model: WriteModel
) -> None:
    code = (
        "import json, os\n"
        "def model_fn(model_dir):\n"
        "    names = ('COLOUR', 'SIZE', 'SAGEMAKER_MODEL_SERVER_WORKERS')\n"
        "    return [os.environ[name] for name in names]\n"
        "def input_fn(body, kind): return body\n"
        "def predict_fn(data, model): return [{'label': model}]\n"
        "def output_fn(found, accept): return json.dumps({'predictions': found})\n"
    )
    write_model(store.path("s3://b/p.tar.gz"), code=code)
    api.call("CreateModelPackageGroup", {"ModelPackageGroupName": "g"})
    environment = {"COLOUR": "red", "SIZE": "big", "SAGEMAKER_MODEL_SERVER_WORKERS": "3"}
    container = {"Image": "i", "ModelDataUrl": "s3://b/p.tar.gz", "Environment": environment}
    package = {
        "ModelPackageGroupName": "g",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [container]},
    }
    arn = api.call("CreateModelPackage", package)["ModelPackageArn"]
    of_model = {"ModelPackageName": arn, "Environment": {"COLOUR": "blue"}}
    api.call("CreateModel", {"ModelName": "m", "PrimaryContainer": of_model})
    variant = {"VariantName": "AllTraffic", "ModelName": "m"}
    api.call("CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})
    _create(api, "c")
    assert hosting.settle(120)
    assert _prediction(hosting)["label"] == ["blue", "big", "3"]
