"""The serving image is built once for its content; a failed build says why, with its log's end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.assets.serving_image import image_tag, repository_uri, source_archive
from pipeline.aws.errors import AwsError
from pipeline.aws.serving_build import build_image, is_image_missing
from pipeline.errors import UsageError
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, NOW, Clock, Cloud, settings_for

REPOSITORY, PROJECT = "dog-breeds-serving", "dog-breeds-serving-image"
BUILD = f"{PROJECT}:0a1b2c3d-1111"
GROUP, STREAM = f"/aws/codebuild/{PROJECT}", "0a1b2c3d-1111"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
FAILED = {
    "phases": [
        {"phaseType": "PROVISIONING", "phaseStatus": "SUCCEEDED", "contexts": [{"message": ""}]},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit status 1"}]},
        {"phaseType": "COMPLETED"},
    ],
    "logs": {"groupName": GROUP, "streamName": STREAM},
}


@pytest.fixture
def build(cloud: Cloud, settings: Settings, tree: Path, clock: Clock) -> Callable[..., Any]:
    """Builds the tree's image; answers what was said, and the address."""

    def call(wanted: Settings = settings) -> tuple[list[str], str | None]:
        said: list[str] = []
        return said, build_image(cloud.aws, wanted, tree, said.append, clock.timing())

    return call


def asked(tag: str) -> dict[str, Any]:
    """What ECR is asked for."""
    wanted = [{"imageTag": tag}]
    return {"registryId": ACCOUNT, "repositoryName": REPOSITORY, "imageIds": wanted}


def image(kind: str = DOCKER) -> dict[str, Any]:
    return {"imageDetails": [{"repositoryName": REPOSITORY, "imageManifestMediaType": kind}]}


def begin(cloud: Cloud, settings: Settings, tree: Path, target: str = "cpu") -> str:
    """Expect the upload of the source and the start of a build; answer its tag."""
    tag = image_tag(settings, tree)
    cloud.refuse("s3", "head_object", "404", status=404)
    cloud.expect(
        "s3",
        "put_object",
        {},
        {
            "Bucket": BUCKET,
            "Key": f"images/{tag}.zip",
            "Body": source_archive(tree),
            "IfNoneMatch": "*",
            "ExpectedBucketOwner": ACCOUNT,
            "ChecksumAlgorithm": "SHA256",
        },
    )
    cloud.expect(
        "codebuild",
        "start_build",
        {"build": {"id": BUILD}},
        {
            "projectName": PROJECT,
            "sourceLocationOverride": f"{BUCKET}/images/{tag}.zip",
            "environmentVariablesOverride": [
                {"name": "TAG", "value": tag, "type": "PLAINTEXT"},
                {"name": "TARGET", "value": target, "type": "PLAINTEXT"},
            ],
            "idempotencyToken": ANY,
        },
    )
    return tag


def look(cloud: Cloud, phase: str, status: str = "IN_PROGRESS", **more: Any) -> None:
    """Expect a look at the build, which is in this phase."""
    state = {"id": BUILD, "currentPhase": phase, "buildStatus": status}
    cloud.expect("codebuild", "batch_get_builds", {"builds": [state | more]}, {"ids": [BUILD]})


def test_an_image_that_is_there_is_not_built(cloud: Cloud, settings: Settings, tree: Path) -> None:
    tag = image_tag(settings, tree)
    cloud.expect("ecr", "describe_images", image(), asked(tag))
    assert not is_image_missing(cloud.aws, settings, tree)


def test_a_missing_one_is_to_be_built(cloud: Cloud, settings: Settings, tree: Path) -> None:
    cloud.refuse("ecr", "describe_images", "ImageNotFoundException")
    assert is_image_missing(cloud.aws, settings, tree)


def test_for_somebodys_own_image_nothing_is_asked(cloud: Cloud, tree: Path) -> None:
    assert not is_image_missing(cloud.aws, settings_for("serving.image=me/mine:1"), tree)


def test_its_source_goes_to_the_bucket_and_each_phase_is_said_once(
    cloud: Cloud, settings: Settings, tree: Path, build: Callable[..., Any]
) -> None:
    tag = begin(cloud, settings, tree)
    look(cloud, "PROVISIONING")
    look(cloud, "BUILD")
    look(cloud, "BUILD")
    look(cloud, "COMPLETED", "SUCCEEDED")
    cloud.expect("ecr", "describe_images", image(), asked(tag))
    said, address = build()
    assert address == f"{repository_uri(settings)}:{tag}"
    assert said[0].startswith(f"building the serving image {address}")
    assert said[1:] == ["  provisioning", "  build", "  completed"]


def test_a_gpu_needs_the_other_target(cloud: Cloud, tree: Path, build: Callable[..., Any]) -> None:
    settings = settings_for(
        "deploy.production.instance_type=ml.g5.xlarge", "deploy.staging.type=realtime"
    )
    tag = begin(cloud, settings, tree, "cuda")
    look(cloud, "COMPLETED", "SUCCEEDED")
    cloud.expect("ecr", "describe_images", image(), asked(tag))
    assert tag.startswith("cuda-")
    assert build(settings)[1]


def test_whoever_comes_second_takes_the_firsts_image(
    cloud: Cloud, settings: Settings, tree: Path, build: Callable[..., Any]
) -> None:
    """ECR refuses to write a tag again, so the later of two builds fails with its push."""
    tag = begin(cloud, settings, tree)
    look(cloud, "COMPLETED", "FAILED", **FAILED)
    cloud.expect("ecr", "describe_images", image(), asked(tag))
    said, address = build()
    assert address is None
    assert said[-1] == "another upsert has built it meanwhile"


def test_a_failed_build_says_why_and_how_its_log_ends(
    cloud: Cloud, settings: Settings, tree: Path, build: Callable[..., Any]
) -> None:
    begin(cloud, settings, tree)
    look(cloud, "COMPLETED", "FAILED", **FAILED)
    cloud.refuse("ecr", "describe_images", "ImageNotFoundException")
    line = {"timestamp": int(NOW.timestamp() * 1000), "message": "E: no space left\n"}
    cloud.expect(
        "logs",
        "get_log_events",
        {"events": [line]},
        {"logGroupName": GROUP, "logStreamName": STREAM, "limit": 20, "startFromHead": False},
    )
    with pytest.raises(AwsError) as raised:
        build()
    assert str(raised.value).splitlines() == [
        f"the build of the serving image failed: {BUILD}",
        "exit status 1",
        "  | E: no space left",
        f"  whole log: aws logs tail {GROUP} --log-stream-name-prefix {STREAM} --since 1d "
        "--region us-east-1",
    ]


def test_a_format_that_sagemaker_refuses_is_said_before_a_run_does(
    cloud: Cloud, settings: Settings, tree: Path
) -> None:
    """github.com/aws/amazon-sagemaker-feedback/issues/180: CreateModel takes no OCI manifest."""
    cloud.expect("ecr", "describe_images", image("application/vnd.oci.image.index.v1+json"))
    with pytest.raises(AwsError, match=r"does not take: delete it .*batch-delete-image"):
        is_image_missing(cloud.aws, settings, tree)


def test_without_the_stack_bootstrap_is_named(
    cloud: Cloud, settings: Settings, tree: Path, build: Callable[..., Any]
) -> None:
    cloud.refuse("ecr", "describe_images", "RepositoryNotFoundException")
    with pytest.raises(UsageError, match=r"no repository dog-breeds-serving .*bootstrap"):
        is_image_missing(cloud.aws, settings, tree)
    cloud.expect("s3", "head_object", {})
    cloud.refuse("codebuild", "start_build", "ResourceNotFoundException")
    with pytest.raises(UsageError, match=r"no build dog-breeds-serving-image .*bootstrap"):
        build()


def test_a_watcher_that_leaves_is_told_that_the_build_goes_on(
    cloud: Cloud, settings: Settings, tree: Path
) -> None:
    begin(cloud, settings, tree)
    cloud.lose("codebuild", "batch_get_builds", KeyboardInterrupt())
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        build_image(cloud.aws, settings, tree, said.append, Clock().timing())
    assert said[-1] == f"the build goes on: {BUILD}"
