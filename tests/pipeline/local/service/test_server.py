"""An unmodified boto3 client over HTTP; loopback only; state that outlives the process."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.local.service.api import LocalApi
from pipeline.local.service.client import service_client
from pipeline.local.service.credentials import Address, own_secret
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.service.hosting.model_process import Reply
from pipeline.local.service.server import (
    Service,
    create_app,
    find_service,
    running_service,
    serve_until_stopped,
)
from pipeline.local.store import Store
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import is_gone
from tests.pipeline.local.service.http_support import ask, signed

ROLE = "arn:aws:iam::111122223333:role/execution"
Connect = Callable[..., Any]


def _deploy(sagemaker: Any, model_data: str, name: str = "e") -> None:
    container = {"Image": "image:1", "ModelDataUrl": model_data}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def test_boto3_registers_approves_and_pages(
    service: Service, connect: Connect, register_package: Callable[..., str]
) -> None:
    sagemaker = connect(service.url)
    arns = [register_package(sagemaker, f"s3://b/{n}/model.tar.gz") for n in range(12)]
    sagemaker.update_model_package(ModelPackageArn=arns[0], ModelApprovalStatus="Approved")
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName="dogs")
    listed = [p["ModelPackageArn"] for page in pages for p in page["ModelPackageSummaryList"]]
    assert listed == arns
    package = sagemaker.describe_model_package(ModelPackageName=arns[0])
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["CreationTime"].tzinfo is not None


def test_our_own_client_asks_no_proxy(
    service: Service, monkeypatch: pytest.MonkeyPatch, held_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{held_port}")
    assert service_client("sagemaker", service.address).list_models()["Models"] == []


def test_errors_are_those_that_boto3_models(service: Service, connect: Connect) -> None:
    sagemaker = connect(service.url)
    with pytest.raises(ClientError, match='Could not find endpoint "arn:') as caught:
        sagemaker.describe_endpoint(EndpointName="nope")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_pipeline(PipelineName="nope")
    with pytest.raises(ClientError, match="ListImages is not an operation of the local service"):
        sagemaker.list_images()
    with pytest.raises(ClientError, match="enum value set"):
        sagemaker.list_models(SortOrder="Sideways")


def test_boto3_can_ask_whether_an_object_is_there(
    service: Service, store: Store, connect: Connect
) -> None:
    path = store.path("s3://b/runs/x y/model.tar.gz")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"model")
    s3 = connect(service.url, "s3")
    assert s3.head_object(Bucket="b", Key="runs/x y/model.tar.gz")
    for bucket, key in (("b", "runs"), ("b", "gone"), ("c", "gone"), ("b", "n" * 300)):
        with pytest.raises(ClientError) as caught:
            s3.head_object(Bucket=bucket, Key=key)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    for hostile in ("/b/%2e%2e/%2e%2e/state.db", "/%2e%2e/state.db", "/b//etc/passwd", "/b/a%00"):
        own = signed(service.address, "HEAD", hostile, service="s3")
        assert ask(service.url, "HEAD", hostile, headers=own)[0] == 404
    assert ask(service.url, "GET", "/b/runs/x%20y/model.tar.gz")[0] == 405


def test_boto3_can_ask_whether_a_folder_holds_anything(
    service: Service, store: Store, connect: Connect
) -> None:
    path = store.path("s3://b/capture/dogs & cats/AllTraffic/2026/1.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    s3 = connect(service.url, "s3")

    def counted(prefix: str) -> int:
        return int(s3.list_objects_v2(Bucket="b", Prefix=prefix, MaxKeys=1)["KeyCount"])

    assert counted("capture/dogs & cats/") == 1
    for prefix in ("capture/dogs/", "gone/", "../", "../../"):
        assert counted(prefix) == 0
    with pytest.raises(ClientError, match="only a folder is listed here"):
        s3.list_objects_v2(Bucket="b", Prefix="capture/")
    assert ask(service.url, "GET", "/b?list-type=2&prefix=capture/&max-keys=1")[0] == 403


def test_boto3_copies_an_object_unless_it_was_written_since(
    service: Service, store: Store, connect: Connect
) -> None:
    path = store.path("s3://b/runs/x y/model.tar.gz")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"model")
    written = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    os.utime(path, (written.timestamp() + 0.7,) * 2)  # S3 knows whole seconds, and so does HTTP
    s3, source = connect(service.url, "s3"), {"Bucket": "b", "Key": "runs/x y/model.tar.gz"}

    def copy(key: str, since: datetime, source: dict[str, str] = source) -> None:
        s3.copy_object(Bucket="b", Key=key, CopySource=source, CopySourceIfUnmodifiedSince=since)

    copy("models/d/1/model.tar.gz", written)
    assert store.path("s3://b/models/d/1/model.tar.gz").read_bytes() == b"model"
    for status, code, since, place in (
        (412, "PreconditionFailed", written - timedelta(seconds=1), source),
        (404, "NoSuchKey", written, {"Bucket": "b", "Key": "gone"}),
        (404, "NoSuchKey", written, {"Bucket": "b", "Key": "../../state.db"}),
    ):
        with pytest.raises(ClientError) as caught:
            copy("models/d/2/model.tar.gz", since, place)
        found = caught.value.response
        assert found["Error"]["Code"] == code
        assert found["ResponseMetadata"]["HTTPStatusCode"] == status
    assert not store.path("s3://b/models/d/2").exists()
    with pytest.raises(ClientError, match="only CopyObject writes here"):
        s3.put_object(Bucket="b", Key="models/d/2/model.tar.gz", Body=b"other")
    s3.close()  # the service would wait for the body that boto3 kept back


def test_an_endpoint_answers_through_the_runtime_client(
    service: Service, store: Store, connect: Connect, write_model: Callable[..., Path]
) -> None:
    write_model(store.path("s3://b/model.tar.gz"))
    sagemaker, runtime = connect(service.url), connect(service.url, "sagemaker-runtime")
    _deploy(sagemaker, "s3://b/model.tar.gz")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="e", WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    answer = runtime.invoke_endpoint(EndpointName="e", ContentType="image/jpeg", Body=b"abc")
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ContentType"] == "application/json"
    (prediction,) = json.loads(answer["Body"].read())["predictions"]
    assert (prediction["label"], prediction["size"]) == ("beagle", 3)

    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName="e", ContentType="image/png", Body=b"abc")
    assert refused.value.response["OriginalStatusCode"] == 415
    assert json.loads(refused.value.response["OriginalMessage"]) == {
        "error": {"code": "unsupported_type", "message": "no PNG here"}
    }
    with pytest.raises(runtime.exceptions.ModelError) as crashed:
        runtime.invoke_endpoint(EndpointName="e", ContentType="image/jpeg", Body=b"crash")
    assert crashed.value.response["OriginalStatusCode"] == 500
    assert "secret" not in str(crashed.value.response)

    counted = ask(service.url, "GET", "/endpoints/e/metrics")
    assert counted[0] == 200 and b'endpoint_requests_total{status="415"} 1' in counted[2]
    assert ask(service.url, "GET", "/endpoints/f/metrics")[0] == 404
    with pytest.raises(runtime.exceptions.ModelError, match="the model server ended") as died:
        runtime.invoke_endpoint(EndpointName="e", ContentType="image/jpeg", Body=b"die")
    assert died.value.response["OriginalStatusCode"] == 500

    sagemaker.delete_endpoint(EndpointName="e")
    with pytest.raises(runtime.exceptions.ValidationError, match="not found"):
        runtime.invoke_endpoint(EndpointName="e", Body=b"abc")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"EndpointName": "nope", "Body": b"a"}, "Endpoint nope of 111122223333 not found"),
        ({"EndpointName": "no_pe", "Body": b"a"}, "regular expression pattern"),
        ({"EndpointName": "e", "Body": b"a", "TargetModel": "m"}, "TargetModel is not supported"),
    ],
)
def test_invocations_are_checked(
    service: Service, connect: Connect, params: dict[str, Any], message: str
) -> None:
    runtime = connect(service.url, "sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ValidationError, match=message):
        runtime.invoke_endpoint(**params)


def test_a_body_over_sagemakers_limit_is_refused_before_it_is_read(service: Service) -> None:
    for path in ("/invocations", "/endpoints/e/invocations"):
        sent = {"Content-Length": "6291457"}
        assert ask(service.url, "POST", path, b"", sent)[0] == 413


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("SageMaker.ListModels", b"{", "SerializationException"),
        ("SageMaker.ListModels", b"[]", "SerializationException"),
        ("SageMaker.ListModels", b"[" * 100_000, "SerializationException"),
        ("SageMaker.Nope", b"{}", "UnknownOperationException"),
        ("ListModels", b"{}", "UnknownOperationException"),
        ("", b"", "UnknownOperationException"),
        ("SageMaker.ListModels", b'{"CreationTimeAfter": 1e400}', "ValidationException"),
        ("SageMaker.ListModels", b'{"\\u0000": "\\ud800"}', "ValidationException"),
    ],
)
def test_what_is_no_request_is_answered_as_sagemaker_would(
    service: Service, target: str, body: bytes, code: str
) -> None:
    own = signed(service.address, "POST", "/", body, {"X-Amz-Target": target})
    status, headers, answer = ask(service.url, "POST", "/", body, own)
    assert (status, json.loads(answer)["__type"]) == (400, code)
    assert headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:1"}, 503),
        ({"Host": "127.0.0.1"}, 503),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "127.0.0.1.attacker.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 503),
    ],
)
def test_web_pages_cannot_reach_it(service: Service, headers: dict[str, str], status: int) -> None:
    assert ask(service.url, "GET", "/ping", b"", headers)[0] == status


def test_small_answers_are_sent_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[socket.socket] = []
    accept = socket.socket.accept

    def noted(listener: socket.socket) -> tuple[socket.socket, Any]:
        found = accept(listener)
        accepted.append(found[0])
        return found

    monkeypatch.setattr(socket.socket, "accept", noted)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/local-service")
        assert connection.getresponse().status == 200
        # asyncio sets it on sockets that say that they are TCP: otherwise answers wait 40 ms
        assert accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_listens_on_loopback_only(service: Service) -> None:
    listening = subprocess.run(
        ["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
    ).stdout
    port = f":{service.port:04X} "
    addresses = [
        line.split()[1] for line in listening.splitlines() if f"{port}00000000:0000" in line
    ]
    assert addresses == [f"0100007F{port.strip()}"]


def test_a_port_in_use_is_one_clear_line(store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(UsageError, match=f"port {port} is in use"),
            running_service(store, port),
        ):
            pass


def test_without_a_default_model_ping_is_not_well(service: Service) -> None:
    assert ask(service.url, "GET", "/ping")[0] == 503
    status, _, body = ask(service.url, "POST", "/invocations", b"a")
    assert (status, json.loads(body)["error"]["code"]) == (503, "Unavailable")


def test_the_default_model_answers_as_its_container_does(
    service: Service, tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    service.hosting.set_default(write_model(tmp_path / "model.tar.gz"))
    assert ask(service.url, "GET", "/ping")[0] == 200
    status, headers, body = ask(
        service.url, "POST", "/invocations", b"abc", {"Content-Type": "image/jpeg"}
    )
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body)["predictions"][0]["label"] == "beagle"
    refused = ask(service.url, "POST", "/invocations", b"abc", {"Content-Type": "image/png"})
    assert refused[0] == 415
    assert b'endpoint_requests_total{status="200"} 1' in ask(service.url, "GET", "/metrics")[2]
    assert json.loads(refused[2])["error"]["message"] == "no PNG here"
    jpeg = {"Content-Type": "image/jpeg"}
    status, _, body = ask(service.url, "POST", "/invocations", b"die", jpeg)
    assert (status, json.loads(body)["error"]["code"]) == (500, "InternalError")
    assert ask(service.url, "GET", "/ping")[0] == 503
    assert ask(service.url, "POST", "/invocations", b"abc", jpeg)[0] == 200


def test_more_invocations_than_it_can_take_are_told_to_come_again(store: Store) -> None:
    """In the form that boto3 knows, and retries, for an endpoint; as the container does else."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Hosting):
        def invoke_default(self, body: bytes, headers: Mapping[str, str]) -> Reply:
            begun.set()
            assert go_on.wait(PATIENCE)
            return Reply(200, {"retry-after": "7"}, body)

    hosting = Slow(store)
    app = create_app(LocalApi(store, hosting), hosting, at_hand=1)

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            first = asyncio.create_task(client.post("/invocations", content=b"one"))
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            busy = [await client.post(path, content=b"two") for path in paths]
            go_on.set()
            return [await first, *busy, await client.post("/invocations", content=b"three")]

    paths = ("/invocations", "/endpoints/e/invocations")
    first, plain, of_endpoint, last = asyncio.run(run())
    assert (first.text, first.headers["retry-after"], last.text) == ("one", "7", "three")
    assert (plain.status_code, plain.json()["error"]["code"]) == (503, "Overloaded")
    assert (of_endpoint.status_code, of_endpoint.headers["retry-after"]) == (503, "1")
    assert of_endpoint.headers["x-amzn-errortype"] == "ServiceUnavailable"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_served_model_is_found_and_ends_with_its_owner(
    tmp_path: Path, write_model: Callable[..., Path], end: signal.Signals
) -> None:
    state = tmp_path / "state"
    model = write_model(tmp_path / "model.tar.gz")
    command = [sys.executable, "-m", "pipeline.endpoint", "serve", "--port", "0", "--json"]
    command += ["--state", str(state), "--model", str(model)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout
            url = json.loads(served.stdout.readline())["url"]
            assert find_service(state) == Address(url, own_secret(state))
            body = ask(url, "POST", "/invocations", b"a", {"Content-Type": "image/jpeg"})[2]
            child = json.loads(body)["predictions"][0]["pid"]
            served.send_signal(end)
            assert served.wait(PATIENCE) == (-end if end == signal.SIGKILL else 0)
        finally:
            served.kill()
    assert find_service(state) is None
    assert is_gone(child)
    assert list((state / "endpoints").glob("model-*")) == []
    assert (state / "service.json").exists() == (end == signal.SIGKILL)


def test_a_service_that_ends_leaves_the_note_of_a_later_one(
    store: Store, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = store.root / "service.json"

    def greet(*_words: object, **_options: object) -> None:
        note.write_text("a later service's")
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("builtins.print", greet)
    serve_until_stopped(service, "hello")
    assert note.read_text() == "a later service's"


def test_a_stale_note_is_no_service(store: Store, service: Service) -> None:
    note = store.root / "service.json"
    assert find_service(store.root) is None
    note.write_text("{")
    assert find_service(store.root) is None
    other = {"pid": os.getpid() + 1, "port": service.port, "url": service.url}
    note.write_text(json.dumps(other))
    assert find_service(store.root) is None
    note.write_text(json.dumps(other | {"pid": os.getpid()}))
    assert find_service(store.root) == service.address
