"""Who may do what at the service's port: every user of the machine can reach it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from pipeline.local.service.credentials import ACCESS_KEY
from pipeline.local.service.server import Service, create_app, find_service
from pipeline.local.store import Store
from tests.pipeline.local.service.http_support import ask, signed

MODEL = b'{"ModelName": "m", "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz"}}'
CREATE = {"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": "application/x-amz-json-1.1"}
COPY = {"x-amz-copy-source": "/b/runs/model.tar.gz"}
# What anybody may ask, and the status where there is no model yet.
OPEN = [
    ("GET", "/ping", 503),
    ("GET", "/metrics", 404),
    ("GET", "/endpoints/e/metrics", 404),
    ("GET", "/local-service", 200),
    ("POST", "/invocations", 503),
    ("POST", "/endpoints/e/invocations", 400),
]
Own = tuple[str, str, bytes, dict[str, str]]
# What only the owner may.
OWN: list[Own] = [
    ("POST", "/", MODEL, CREATE),
    ("HEAD", "/b/runs/model.tar.gz", b"", {}),
    ("GET", "/b?list-type=2&max-keys=1&prefix=runs%2F", b"", {}),
    ("PUT", "/b/models/m.tar.gz", b"", COPY),
]


@pytest.mark.parametrize(("method", "path", "status"), OPEN)
def test_open_to_all_is_what_changes_nothing(
    service: Service, method: str, path: str, status: int
) -> None:
    assert ask(service.url, method, path, b"a")[0] == status


@pytest.mark.parametrize("request_", OWN, ids=lambda one: one[0])
def test_what_changes_something_is_the_owners(
    service: Service, store: Store, request_: Own
) -> None:
    method, path, body, headers = request_
    model = store.path("s3://b/runs/model.tar.gz")
    model.parent.mkdir(parents=True)
    model.write_bytes(b"model")
    assert ask(service.url, method, path, body, headers)[0] == 403
    assert store.list("Model") == []
    assert not store.path("s3://b/models").exists()
    kind = "sagemaker" if path == "/" else "s3"
    own = signed(service.address, method, path, body, headers, service=kind)
    assert ask(service.url, method, path, body, own)[0] == 200


def test_every_path_is_open_or_the_owners(service: Service) -> None:
    """One that is added has to be put into one of the two tables."""
    known = {(method, path) for method, path, *_ in OPEN}
    known |= {("POST", "/"), ("GET", "/{bucket}")}
    known |= {(method, "/{bucket}/{key:path}") for method in ("HEAD", "PUT")}
    routes: list[Any] = list(create_app(service.api, service.hosting).routes)
    found = {(method, route.path) for route in routes for method in route.methods}
    named = {(method, path.replace("{name}", "e")) for method, path in found}
    assert {one for one in named if one[0] != "HEAD" or one in known} == known


@pytest.mark.parametrize("key", [ACCESS_KEY, "AKIAEXAMPLE"])
def test_boto3_with_other_credentials_is_told_where_they_are(service: Service, key: str) -> None:
    other = boto3.client(
        "sagemaker",
        endpoint_url=service.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="none",
    )
    with pytest.raises(ClientError, match=r"AccessDenied.*pipeline\.endpoint credentials"):
        other.list_models()


def test_curl_can_sign_too(service: Service, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    user = tmp_path / "user"
    user.write_text(f'user = "{ACCESS_KEY}:{service.address.secret}"')
    target = "X-Amz-Target: SageMaker.ListModels"
    as_sagemaker = ["--aws-sigv4", "aws:amz:us-east-1:sagemaker", "-H", target]
    done = subprocess.run(
        ["curl", "-sS", "-K", user, *as_sagemaker, "-d", "{}", f"{service.url}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"Models": []}


def test_a_program_that_took_the_port_is_no_service_of_ours(store: Store, service: Service) -> None:
    """It can say what the note says, but not what only the secret's owner can."""
    note = {"pid": os.getpid(), "port": service.port}
    (store.root / "service.json").write_text(json.dumps(note))
    assert find_service(store.root) == service.address
    first, second = (
        json.loads(ask(service.url, "GET", f"/local-service?nonce={nonce}")[2]) for nonce in "12"
    )
    assert (first["pid"], first["state"]) == (os.getpid(), str(store.root))
    assert first["proof"] != second["proof"]
    (store.root / "service.secret").unlink()
    assert find_service(store.root) is None


def test_no_model_gets_the_secret(
    service: Service, connect: Callable[..., Any], store: Store, write_model: Callable[..., Path]
) -> None:
    code = (
        "import json, os\n"
        "def model_fn(model_dir): return dict(os.environ)\n"
        "def input_fn(body, kind): return body\n"
        "def predict_fn(data, model): return model\n"
        "def output_fn(found, accept): return json.dumps(found)\n"
    )
    service.hosting.set_default(write_model(store.root / "model.tar.gz", code=code))
    answer = ask(service.url, "POST", "/invocations", b"a", {"Content-Type": "image/jpeg"})[2]
    assert service.address.secret.encode() not in answer
