"""A program that knows SageMaker and nothing of us works against the local service: the AWS CLI."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.credentials import service_variables
from pipeline.local.service.server import Service
from pipeline.local.store import Store

ROLE = "arn:aws:iam::111122223333:role/execution"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "dog.jpg"
    path.write_bytes(b"\xff\xd8\xff and so on")
    return path


@pytest.fixture
def approved(
    service: Service,
    store: Store,
    connect: Callable[..., Any],
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> str:
    """The ARN of an approved version whose model is there."""
    write_model(store.path("s3://b/model.tar.gz"))
    sagemaker = connect(service.url)
    arn = register_package(sagemaker, "s3://b/model.tar.gz")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arn


@pytest.fixture
def aws(service: Service, tmp_path: Path) -> Callable[..., Any]:
    """The AWS CLI as it comes, pointed at the service; answers what it printed, read as JSON."""
    if shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own = {
        "HOME": str(tmp_path),  # no profile of this machine's user
        **service_variables(service.address),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }

    def call(*arguments: str) -> Any:
        done = subprocess.run(
            ["aws", *arguments, "--output", "json"],
            env={**kept, **own},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return call


def test_the_aws_cli_deploys_waits_and_asks(
    aws: Callable[..., Any], service: Service, approved: str, picture: Path, tmp_path: Path
) -> None:
    listed = aws("sagemaker", "list-model-packages", "--model-package-group-name", "dogs")
    assert [row["ModelPackageArn"] for row in listed["ModelPackageSummaryList"]] == [approved]
    container = json.dumps({"ModelPackageName": approved})
    model = ("--model-name", "m", "--execution-role-arn", ROLE)
    aws("sagemaker", "create-model", *model, "--primary-container", container)
    variant = "VariantName=AllTraffic,ModelName=m,InitialInstanceCount=1,InstanceType=ml.m5.large"
    config = ("--endpoint-config-name", "c", "--production-variants", variant)
    aws("sagemaker", "create-endpoint-config", *config)
    endpoint = ("--endpoint-name", "e")
    aws("sagemaker", "create-endpoint", *endpoint, "--endpoint-config-name", "c")
    assert service.hosting.settle(60)  # the CLI looks every 30 s only
    aws("sagemaker", "wait", "endpoint-in-service", *endpoint)
    out = tmp_path / "answer.json"
    body = ("--content-type", "image/jpeg", "--body", f"fileb://{picture}")
    told = aws("sagemaker-runtime", "invoke-endpoint", *endpoint, *body, str(out))
    assert told["ContentType"] == "application/json"
    assert json.loads(out.read_text())["predictions"][0]["label"] == "beagle"


def test_the_sagemaker_sdks_transformer(
    service: Service, store: Store, connect: Callable[..., Any], approved: str
) -> None:
    import boto3
    import sagemaker
    from sagemaker.transformer import Transformer

    client = connect(service.url)
    container = {"ModelPackageName": approved}
    client.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    store.path("s3://b/in/deep").mkdir(parents=True)
    store.path("s3://b/in/deep/dog.jpg").write_bytes(b"\xff\xd8\xff")
    session = sagemaker.Session(
        boto_session=boto3.Session(region_name="us-east-1"), sagemaker_client=client
    )
    transformer = Transformer(
        "m", 1, "ml.m5.large", output_path="s3://b/out", sagemaker_session=session
    )
    transformer.transform("s3://b/in/", content_type="image/jpeg", wait=True, logs=False)
    answer = json.loads(store.path("s3://b/out/deep/dog.jpg.out").read_bytes())
    assert answer["predictions"][0]["label"] == "beagle"
