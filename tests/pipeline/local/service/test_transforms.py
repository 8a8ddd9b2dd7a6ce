"""Transform jobs on the local service, by boto3, as on SageMaker."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.service.api import LocalApi
from pipeline.local.service.client import service_client
from pipeline.local.service.server import Service, running_service
from pipeline.local.store import Store
from tests.pipeline.local.service.api_support import make_model, refused

WriteModel = Callable[..., Path]
JPEG = b"\xff\xd8\xff\xe0"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1}


def request(name: str = "job", **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}
    return {
        "TransformJobName": name,
        "ModelName": "m",
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": "image/jpeg",
            **changes.pop("input", {}),
        },
        "TransformOutput": {"S3OutputPath": "s3://b/out/", **changes.pop("output", {})},
        "TransformResources": RESOURCES,
        **changes,
    }


def put(store: Store, **files: bytes) -> None:
    for name, data in files.items():
        path = store.path(f"s3://b/in/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def outputs(store: Store) -> dict[str, dict[str, Any]]:
    root = store.path("s3://b/out")
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): json.loads(path.read_bytes()) for path in found}


def wait(client: Any, name: str = "job") -> dict[str, Any]:
    while True:
        job: dict[str, Any] = client.describe_transform_job(TransformJobName=name)
        if job["TransformJobStatus"] not in ("InProgress", "Stopping"):
            return job
        time.sleep(0.05)


@pytest.fixture
def ready(store: Store, write_model: WriteModel) -> Store:
    """A model, and three pictures of which the model refuses none."""
    write_model(store.path("s3://b/model.tar.gz"))
    make_model(LocalApi(store))
    put(store, **{"a.jpg": JPEG, "deep/b.jpg": JPEG + b"more"})
    return store


@pytest.fixture
def client(ready: Store) -> Any:
    with running_service(ready) as service:
        yield client_of(service)


def client_of(service: Service) -> Any:
    return service_client("sagemaker", service.address)


def test_every_object_has_its_output(ready: Store, client: Any) -> None:
    arn = client.create_transform_job(**request())["TransformJobArn"]
    job = wait(client)
    assert (job["TransformJobStatus"], job["TransformJobArn"]) == ("Completed", arn)
    assert job["TransformStartTime"] <= job["TransformEndTime"]
    found = outputs(ready)
    assert list(found) == ["a.jpg.out", "deep/b.jpg.out"]
    assert found["a.jpg.out"]["predictions"][0]["label"] == "beagle"
    assert found["deep/b.jpg.out"]["predictions"][0]["size"] == len(JPEG) + 4
    (listed,) = client.list_transform_jobs(StatusEquals="Completed")["TransformJobSummaries"]
    assert listed["TransformJobName"] == "job"


def test_lines_are_records(ready: Store, client: Any) -> None:
    put(ready, **{"a.jpg": b"1\n22\n333\n", "deep/b.jpg": b"4444"})
    lines = {"SplitType": "Line", "ContentType": "text/plain"}
    client.create_transform_job(
        **request(input=lines, output={"AssembleWith": "Line"}, BatchStrategy="SingleRecord")
    )
    assert wait(client)["TransformJobStatus"] == "Completed"
    answers = ready.path("s3://b/out/a.jpg.out").read_text().splitlines()
    assert [json.loads(line)["predictions"][0]["size"] for line in answers] == [1, 2, 3]


def test_one_refused_object_fails_the_job_and_keeps_the_others(ready: Store, client: Any) -> None:
    put(ready, **{"bad.jpg": b"crash", "dead.jpg": b"die", "large.jpg": bytes(2 * 1024**2)})
    client.create_transform_job(**request(MaxPayloadInMB=1))
    job = wait(client)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: 3 of 5 objects failed")
    assert "large.jpg: 2,097,152 bytes are more than MaxPayloadInMB" in job["FailureReason"]
    assert list(outputs(ready)) == ["a.jpg.out", "deep/b.jpg.out"]
    assert "secret detail" not in job["FailureReason"]


def test_the_model_sees_the_environment(ready: Store, client: Any, write_model: WriteModel) -> None:
    code = (
        "import json, os\n"
        "def model_fn(folder): return None\n"
        "def input_fn(body, kind): return None\n"
        "def predict_fn(data, model): return {k: v for k, v in os.environ.items()}\n"
        "def output_fn(found, accept): return json.dumps({**found, 'accept': accept}), accept\n"
    )
    write_model(ready.path("s3://b/model.tar.gz"), code=code)
    more = {"Environment": {"MINE": "1"}, "MaxConcurrentTransforms": 2}
    client.create_transform_job(**request(output={"Accept": "application/json"}, **more))
    assert wait(client)["TransformJobStatus"] == "Completed"
    seen = outputs(ready)["a.jpg.out"]
    assert (seen["MINE"], seen["SAGEMAKER_BATCH"]) == ("1", "true")
    assert seen["SAGEMAKER_BATCH_STRATEGY"] == "MultiRecord"
    assert seen["accept"] == "application/json"


def test_a_model_that_does_not_load_fails_the_job(
    ready: Store, client: Any, write_model: WriteModel
) -> None:
    write_model(ready.path("s3://b/model.tar.gz"), code="raise RuntimeError('no such network')")
    put(ready, **{f"{number}.jpg": JPEG for number in range(100)})
    client.create_transform_job(**request())
    job = wait(client)
    assert job["TransformJobStatus"] == "Failed"
    assert "102 of 102 objects failed" in job["FailureReason"]
    assert "did not start" in job["FailureReason"]


def test_a_stop_ends_it_with_what_was_done(
    ready: Store, write_model: WriteModel, tmp_path: Path
) -> None:
    write_model(ready.path("s3://b/model.tar.gz"), after=tmp_path / "go")
    with running_service(ready) as service:
        client = client_of(service)
        client.create_transform_job(**request())
        client.stop_transform_job(TransformJobName="job")
        status = client.describe_transform_job(TransformJobName="job")["TransformJobStatus"]
        assert status in ("Stopping", "Stopped")
        (tmp_path / "go").touch()
        assert wait(client)["TransformJobStatus"] == "Stopped"
        with pytest.raises(ClientError, match="status Stopped"):
            client.stop_transform_job(TransformJobName="job")


def test_a_job_that_an_ended_service_left_is_run_by_the_next(
    ready: Store, write_model: WriteModel, tmp_path: Path
) -> None:
    write_model(ready.path("s3://b/model.tar.gz"), after=tmp_path / "go")
    with running_service(ready) as service:
        client_of(service).create_transform_job(**request())
    (tmp_path / "go").touch()
    with running_service(ready) as service:
        assert wait(client_of(service))["TransformJobStatus"] == "Completed"
    assert len(outputs(ready)) == 2


def test_a_name_is_taken_once(client: Any) -> None:
    client.create_transform_job(**request())
    with pytest.raises(client.exceptions.ResourceInUse):
        client.create_transform_job(**request())
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_transform_job(TransformJobName="other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ModelName": "other"}, "Could not find model"),
        ({"input": {"SplitType": "RecordIO"}}, "SplitType RecordIO"),
        ({"Environment": {"LD_PRELOAD": "/b/evil.so"}}, "LD_PRELOAD"),
        ({"input": {"CompressionType": "Gzip"}}, "CompressionType"),
        ({"DataProcessing": {"InputFilter": "$.x"}}, "InputFilter"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "DataCaptureConfig"),
        ({"output": {"S3OutputPath": "s3://b/../x"}}, "outside its bucket"),
        (
            {
                "input": {
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/none"}
                    }
                }
            },
            "No S3 objects found",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals(ready: Store, changes: dict[str, Any], message: str) -> None:
    class Host:
        def wake(self) -> None:
            raise AssertionError("nothing is to be run")

    api = LocalApi(ready, Host())  # type: ignore[arg-type]
    error = refused(api, "CreateTransformJob", **request(**changes))
    assert (error.code, message in error.message) == ("ValidationException", True)


def test_without_a_service_nothing_would_run_it(ready: Store) -> None:
    assert "endpoint serve" in refused(LocalApi(ready), "CreateTransformJob", **request()).message
