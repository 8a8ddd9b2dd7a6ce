"""Twice the same is once; everything else is an error in one line, before anything is changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from pipeline.assets.code_bundle import bundles_of, monitoring_bundles_of
from pipeline.assets.serving_image import image_tag, repository_uri
from pipeline.aws import upsert as module
from pipeline.aws.turns import NewerUpsertedError
from pipeline.aws.upsert import (
    UpsertRequest,
    UpsertResult,
    check_role,
    deployed_definition,
    upsert,
)
from pipeline.errors import UsageError
from pipeline.git import Revision
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import (
    ACCOUNT,
    BUCKET,
    PIPELINE,
    ROLE,
    Clock,
    Cloud,
    Recorded,
    settings_for,
)

LAMBDA, CHAMPION_LAMBDA = "dog-breeds-deploy-endpoint", "dog-breeds-find-champion"
ROLES = ("dog-breeds-pipeline", "dog-breeds-jobs", "dog-breeds-serving")
IMAGES = "dog-breeds-serving"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": f"sha256:{'0' * 64}", "size": 1},
        "layers": [],
    }
)
TURN = "definitions/dog-breeds-turn.json"
ANYONE = '{"Version":"2012-10-17","Statement":[]}'


def definition_for(settings: Settings, tree: Path, **changes: Any) -> dict[str, Any]:
    """As compiled: it names the code's addresses."""
    code = {name: bundle.uri for name, bundle in bundles_of(settings, tree).items()}
    return {"Version": "2020-12-01", "Steps": [{"Name": "Prepare", "Arguments": code}], **changes}


def request_for(settings: Settings, tree: Path, **changes: Any) -> UpsertRequest:
    return UpsertRequest(settings, definition_for(settings, tree, **changes), tree)


@pytest.fixture
def foundation(moto: Recorded, settings: Settings, tree: Path) -> Recorded:
    """What bootstrap makes: the bucket, the roles, the functions; the serving image is built."""
    ecr = moto.aws.client("ecr")
    ecr.create_repository(repositoryName=IMAGES)
    ecr.put_image(repositoryName=IMAGES, imageManifest=MANIFEST, imageTag=image_tag(settings, tree))
    moto.aws.client("s3").create_bucket(Bucket=BUCKET)
    iam = moto.aws.client("iam")
    for role in ROLES:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=ANYONE)
    for name, module_name in ((LAMBDA, "deploy_endpoint"), (CHAMPION_LAMBDA, "find_champion")):
        moto.aws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler=f"{module_name}.handler",
            Code={"ZipFile": b"not published yet"},
        )
    moto.requests.clear()
    return moto


Run = Callable[[UpsertRequest], UpsertResult]


@pytest.fixture
def run(foundation: Recorded, clock: Clock) -> Run:
    return lambda request: upsert(foundation.aws, request, print, timing=clock.timing())


def test_the_first_time_everything_is_created(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    request = request_for(settings, tree)
    result = run(request)
    assert (result.action, result.arn, result.changes) == ("created", PIPELINE, ())
    assert result.lambda_published
    bundles = bundles_of(settings, tree).values()
    assert set(result.uploaded) == {uri for bundle in bundles for uri, _ in bundle.objects()}
    (sent,) = foundation.sent("CreatePipeline")
    assert sent == {
        "PipelineName": "dog-breeds",
        "RoleArn": ROLE,
        "PipelineDefinition": ANY,
        "ClientRequestToken": ANY,
        "Tags": [{"Key": "project", "Value": "dog-breeds"}],
    }
    assert json.loads(sent["PipelineDefinition"]) == request.definition


def test_code_is_there_before_the_pipeline_names_it(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    order = [name for name, members in foundation.requests if members.get("Key") != TURN]
    last_put = len(order) - 1 - order[::-1].index("PutObject")
    assert last_put < order.index("UpdateFunctionCode") < order.index("CreatePipeline")


def test_the_serving_image_is_there_before_the_pipeline_names_it(
    foundation: Recorded,
    run: Run,
    settings: Settings,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready = image_tag(settings, tree)
    (tree / "inference_code/Dockerfile").write_text("FROM scratch AS cpu # better\n")
    address = f"{repository_uri(settings)}:{image_tag(settings, tree)}"

    def build(_aws: Any, built: Settings, *_rest: Any) -> str:
        assert not foundation.sent("CreatePipeline")
        return address

    monkeypatch.setattr(module, "build_image", build)
    result = run(request_for(settings, tree))
    assert result.image_built == address != f"{repository_uri(settings)}:{ready}"
    assert f"built the serving image {address}\n" in result.summary()


def test_the_second_time_nothing_changes_and_that_is_said(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    foundation.requests.clear()
    result = run(request_for(settings, tree))
    assert (result.action, result.uploaded, result.lambda_published) == ("unchanged", (), False)
    assert result.summary() == f"pipeline dog-breeds: unchanged  {PIPELINE}"
    writing = ("Put", "Create", "Update", "Add", "Delete", "Upload", "Complete")
    written = [members for name, members in foundation.requests if name.startswith(writing)]
    assert {members["Key"] for members in written} == {TURN}


def test_a_changed_definition_is_updated(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    changed = request_for(settings, tree, Metadata={"new": True})
    result = run(changed)
    assert (result.action, result.changes) == ("updated", ("definition",))
    assert deployed_definition(settings, foundation.aws) == changed.definition
    assert "updated (definition)" in result.summary()
    assert json.loads(result.to_json())["changes"] == ["definition"]


def test_changed_code_is_uploaded_and_the_definition_updated(
    run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    (tree / "training_code/train.py").write_text("# better\n")
    result = run(request_for(settings, tree))
    assert result.action == "updated"
    assert result.uploaded == (bundles_of(settings, tree)["train.py"].uri,)
    folder = result.uploaded[0].removesuffix("sourcedir.tar.gz")
    assert f"uploaded {folder} (1 file)\n" in result.summary()


def test_a_changed_lambda_alone_leaves_the_pipeline(
    run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    (tree / "lambda_code/deploy_endpoint.py").write_text("# better\n")
    result = run(request_for(settings, tree))
    assert (result.action, result.lambda_published) == ("unchanged", True)
    assert "published the Lambda's code" in result.summary()


def test_an_older_tree_leaves_everything_as_a_newer_one_made_it(
    foundation: Recorded,
    run: Run,
    settings: Settings,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two pushes the first one's build may be the later one to upsert."""
    first = Revision("a" * 40, datetime(2026, 11, 29, 12, tzinfo=UTC))
    second = replace(first, commit="b" * 40, committed_at=datetime(2026, 11, 29, 13, tzinfo=UTC))
    monkeypatch.setattr(module, "git_revision", lambda _root: second)
    run(request_for(settings, tree))
    foundation.requests.clear()
    monkeypatch.setattr(module, "git_revision", lambda _root: first)
    (tree / "training_code/train.py").write_text("# as it was before\n")
    (tree / "lambda_code/deploy_endpoint.py").write_text("# as it was before\n")
    with pytest.raises(NewerUpsertedError):
        run(request_for(settings, tree))
    changing = ("Update", "Create", "Add")
    assert not [name for name, _ in foundation.requests if name.startswith(changing)]


def test_functions_and_pipeline_are_changed_within_the_turn(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    inside: list[str] = []
    taken = False
    for name, members in foundation.requests:
        if name == "PutObject" and members["Key"] == TURN:
            taken = bool(json.loads(members["Body"])["holder"])
        elif name in ("UpdateFunctionCode", "CreatePipeline"):
            assert taken, name
            inside.append(name)
    assert inside == ["UpdateFunctionCode", "UpdateFunctionCode", "CreatePipeline"]
    assert not taken


def test_both_lambdas_get_the_code(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    run(request_for(settings, tree))
    sent = foundation.sent("UpdateFunctionCode")
    assert [one["FunctionName"] for one in sent] == [LAMBDA, CHAMPION_LAMBDA]
    assert sent[0]["ZipFile"] == sent[1]["ZipFile"]


def test_without_the_champion_rule_its_lambda_is_not_needed(
    foundation: Recorded, run: Run, tree: Path
) -> None:
    foundation.aws.client("lambda").delete_function(FunctionName=CHAMPION_LAMBDA)
    result = run(request_for(settings_for("gate.champion_tolerance=null"), tree))
    assert result.action == "created"
    assert not [uri for uri in result.uploaded if "no-champion" in uri]


def test_parallelism_is_set_when_given_and_left_when_not(
    foundation: Recorded, run: Run, settings: Settings, tree: Path
) -> None:
    request = request_for(settings, tree)
    run(replace(request, max_parallel_steps=3))
    parallelism = {"MaxParallelExecutionSteps": 3}
    assert foundation.sent("CreatePipeline")[0]["ParallelismConfiguration"] == parallelism
    assert run(request).action == "unchanged"
    result = run(replace(request, max_parallel_steps=5))
    assert (result.action, result.changes) == ("updated", ("parallelism",))
    sent = foundation.sent("UpdatePipeline")[0]["ParallelismConfiguration"]
    assert sent == {"MaxParallelExecutionSteps": 5}


def test_new_tags_are_added_and_others_left(foundation: Recorded, run: Run, tree: Path) -> None:
    run(request_for(settings_for(), tree))
    foundation.aws.client("sagemaker").add_tags(
        ResourceArn=PIPELINE, Tags=[{"Key": "billing", "Value": "x"}]
    )
    foundation.requests.clear()
    tagged = settings_for("aws.tags.team=vision")
    result = run(UpsertRequest(tagged, definition_for(tagged, tree), tree))
    assert (result.action, result.changes) == ("updated", ("tags",))
    assert foundation.sent("AddTags") == [
        {"ResourceArn": PIPELINE, "Tags": [{"Key": "team", "Value": "vision"}]}
    ]
    assert not foundation.sent("UpdatePipeline")


def test_a_large_definition_goes_through_s3_under_its_hash(
    foundation: Recorded, run: Run, settings: Settings, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INLINE_BYTES", 100)
    request = request_for(settings, tree)
    uri = run(request).uploaded[-1]
    (sent,) = foundation.sent("CreatePipeline")
    assert "PipelineDefinition" not in sent
    location = sent["PipelineDefinitionS3Location"]
    assert uri == f"s3://{location['Bucket']}/{location['ObjectKey']}"
    body = foundation.aws.client("s3").get_object(
        Bucket=location["Bucket"], Key=location["ObjectKey"]
    )["Body"]
    assert json.loads(body.read()) == request.definition


def test_a_definition_above_sagemakers_limit_is_refused(
    run: Run, settings: Settings, tree: Path
) -> None:
    with pytest.raises(UsageError, match="SageMaker takes 1048576"):
        run(request_for(settings, tree, Metadata={"x": "y" * 1_100_000}))


@pytest.fixture
def watched(tree: Path, foundation: Recorded) -> UpsertRequest:
    """With the monitoring pipeline, whose code and role are there."""
    script = 'if __name__ == "__main__":\n    print("checks")\n'
    (tree / "training_code/monitor.py").write_text(script)
    foundation.aws.client("iam").create_role(
        RoleName="dog-breeds-monitor", AssumeRolePolicyDocument=ANYONE
    )
    settings = settings_for("monitor.enabled=true")
    code = [bundle.uri for bundle in monitoring_bundles_of(settings, tree).values()]
    monitoring = {"Version": "2020-12-01", "Steps": [{"Name": "Monitor", "Arguments": code}]}
    return UpsertRequest(settings, definition_for(settings, tree), tree, monitoring=monitoring)


def test_the_monitoring_pipeline_is_upserted_beside_the_first(
    foundation: Recorded, run: Run, watched: UpsertRequest
) -> None:
    result = run(watched)
    assert result.monitoring is not None
    assert (result.monitoring.name, result.monitoring.action) == ("dog-breeds--monitor", "created")
    assert result.summary().endswith(f"pipeline dog-breeds--monitor: created  {PIPELINE}--monitor")
    first, second = foundation.sent("CreatePipeline")
    assert json.loads(first["PipelineDefinition"]) == watched.definition
    assert json.loads(second["PipelineDefinition"]) == watched.monitoring
    assert second["RoleArn"] == ROLE
    again = run(watched).monitoring
    assert again is not None
    assert again.action == "unchanged"
    found = deployed_definition(watched.settings, foundation.aws, name="dog-breeds--monitor")
    assert found == watched.monitoring


def test_a_monitoring_pipeline_without_its_role_is_refused_before_anything_is_changed(
    foundation: Recorded, run: Run, watched: UpsertRequest
) -> None:
    foundation.aws.client("iam").delete_role(RoleName="dog-breeds-monitor")
    with pytest.raises(UsageError, match=r"no role .*dog-breeds-monitor: .*pipeline\.bootstrap"):
        run(watched)
    assert not foundation.sent("CreatePipeline")


def test_a_definition_of_other_code_is_refused(run: Run, settings: Settings, tree: Path) -> None:
    request = request_for(settings, tree)
    with (tree / "training_code/features.py").open("a") as script:
        script.write("# saved in between\n")
    with pytest.raises(UsageError, match=r"code of features\.py as it is now .*: it changed"):
        run(request)


@pytest.mark.parametrize("missing", ["bucket", *ROLES, LAMBDA, CHAMPION_LAMBDA, "images"])
def test_what_is_missing_is_named_before_anything_is_changed(
    foundation: Recorded, run: Run, settings: Settings, tree: Path, missing: str
) -> None:
    iam = foundation.aws.client("iam")
    remove = {
        "bucket": lambda: foundation.aws.client("s3").delete_bucket(Bucket=BUCKET),
        **dict.fromkeys(ROLES, lambda: iam.delete_role(RoleName=missing)),
        "images": lambda: foundation.aws.client("ecr").delete_repository(
            repositoryName=IMAGES, force=True
        ),
    }
    function = foundation.aws.client("lambda").delete_function
    remove.get(missing, lambda: function(FunctionName=missing))()
    foundation.requests.clear()
    with pytest.raises(UsageError, match=r"^no .*python -m pipeline\.bootstrap"):
        run(request_for(settings, tree))
    assert {name.split("Pipeline")[0][:3] for name, _ in foundation.requests} <= {
        "Hea",
        "Get",
        "Des",
    }


def test_a_role_that_may_not_be_looked_at_is_left_to_sagemaker(cloud: Cloud) -> None:
    cloud.refuse("iam", "get_role", "AccessDenied")
    check_role(cloud.aws, ROLE, "aws.role_arn")
    assert cloud.left() == 0  # it was asked for, once


def test_a_role_with_a_path_is_asked_for_by_its_name(cloud: Cloud) -> None:
    answer = {
        "Role": {
            "Path": "/",
            "RoleName": "mine",
            "RoleId": "A" * 16,
            "Arn": ROLE,
            "CreateDate": "2026-01-01T00:00:00Z",
        }
    }
    cloud.expect("iam", "get_role", answer, {"RoleName": "mine"})
    check_role(cloud.aws, f"arn:aws:iam::{ACCOUNT}:role/team/mine", "aws.role_arn")
    assert cloud.left() == 0


def test_a_role_of_another_account_is_not_asked_for() -> None:
    cloud = Cloud()
    cloud.refuse("iam", "get_role", "NoSuchEntity")
    check_role(cloud.aws, "arn:aws:iam::999988887777:role/shared", "aws.role_arn")
    assert cloud.left() == 1


def test_nothing_deployed_is_none(moto: Recorded, settings: Settings) -> None:
    assert deployed_definition(settings, moto.aws) is None
