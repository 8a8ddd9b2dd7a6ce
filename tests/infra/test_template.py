"""The template's names are those of the settings, and nobody may do more than they need to."""

import ast
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployment_inputs import Production
from pipeline.bootstrap.stack_parameters import FREE_PARAMETERS, Foundation, names_of
from pipeline.bootstrap.template import first_text, load_template, request_text
from pipeline.command_line.running import ROOT
from pipeline.settings.lambda_environment import lambda_environment
from pipeline.settings.model import Settings
from tests.infra.template_support import (
    ACCOUNT,
    PATH,
    REGION,
    Template,
    settings_with,
    template_for,
)

DefinitionOf = Callable[[Settings], dict[str, Any]]

# What AWS gives no resource for; each says so beside it in the template.
WITHOUT_RESOURCE = {
    "ListVersions",
    "LogInToEcr",
    "Measure",
    "SeeHistory",
    "SeeQuotas",
    "SeeScaling",
}


def test_bootstrap_gives_every_parameter(settings: Settings) -> None:
    given = {*names_of(Foundation(settings, "staging")), *FREE_PARAMETERS}
    assert given | {"CreateBucket", "CreateModelPackageGroup"} == set(
        load_template(PATH)["Parameters"]
    )


def test_cloudformation_takes_both_of_its_texts() -> None:
    assert len(first_text(PATH).encode()) < 51_200  # in a request
    assert len(request_text(PATH).encode()) < 1_048_576  # from a bucket


@pytest.mark.parametrize(
    ("environment", "overrides"),
    [
        (None, ()),
        ("staging", ("project=cats",)),
        ("production", ("aws.region=eu-west-1", "project=zoo")),
        (None, ("aws.bucket=pictures", "aws.lambda_function=ship", "registry.group=breeds")),
    ],
)
def test_names_are_those_of_the_settings(
    environment: str | None, overrides: tuple[str, ...]
) -> None:
    settings = settings_with(*overrides, environment=environment)
    made = template_for(settings).resources()
    roles = [
        f"arn:aws:iam::{ACCOUNT}:role/{made[role]['RoleName']}"
        for role in ("PipelineRole", "JobsRole", "ServingRole", "DeployRole")
    ]
    assert roles == [
        settings.role_arn,
        settings.jobs_role_arn,
        settings.serving_role_arn,
        settings.lambda_role_arn,
    ]
    assert made["Bucket"]["BucketName"] == settings.bucket
    functions = [made[name]["FunctionName"] for name in ("DeployFunction", "ChampionFunction")]
    assert functions == [settings.lambda_name, settings.champion_lambda_name]
    logs = [made[name]["LogGroupName"] for name in ("DeployLogs", "ChampionLogs")]
    assert logs == [f"/aws/lambda/{name}" for name in functions]
    assert made["ModelPackageGroup"]["ModelPackageGroupName"] == settings.model_package_group
    endpoints = [made[name]["LogGroupName"] for name in ("StagingLogs", "ProductionLogs")]
    assert endpoints == [
        f"/aws/sagemaker/Endpoints/{settings.endpoint_name}",
        f"/aws/sagemaker/Endpoints/{settings.production_endpoint_name}",
    ]


def test_roles_that_exist_are_used_and_not_made() -> None:
    run, jobs, serving, lambda_role = (
        f"arn:aws:iam::{ACCOUNT}:role/team/{name}" for name in ("run", "jobs", "serve", "ship")
    )
    template = template_for(
        settings_with(
            f"aws.role_arn={run}",
            f"aws.jobs_role_arn={jobs}",
            f"aws.serving_role_arn={serving}",
            f"aws.lambda_role_arn={lambda_role}",
        )
    )
    made = template.resources()
    assert {"PipelineRole", "JobsRole", "ReadElsewhere", "ServingRole"}.isdisjoint(made)
    assert {"DeployRole", "ChampionRole"}.isdisjoint(made)
    assert made["DeployFunction"]["Role"] == made["ChampionFunction"]["Role"] == lambda_role
    build = {s["Sid"]: s["Resource"] for s in template.statements("BuildRole")}
    assert build["GivePipelineItsRole"] == [run]
    assert build["SeeRoles"] == [run, jobs, serving]


OWN = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
OTHER = "999988887777.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (f"{OWN}/team/server:1", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/server"),
        (f"{OTHER}/s@sha256:{'0' * 64}", "arn:aws:ecr:eu-west-1:999988887777:repository/s"),
        ("registry.example.org/server:1", None),
    ],
)
def test_an_image_of_the_settings_may_be_pulled(image: str, repository: str | None) -> None:
    """Evaluate runs in it, endpoints too, and registering looks it up."""
    usual, template = (
        template_for(settings_with()),
        template_for(settings_with(f"serving.image={image}")),
    )
    for role, sid in (
        ("PipelineRole", "SeeImages"),
        ("JobsRole", "PullOwnImage"),
        ("ServingRole", "PullOwnImage"),
    ):
        now, before = (
            next(one["Resource"] for one in made.statements(role) if one["Sid"] == sid)
            for made in (template, usual)
        )
        assert [one for one in now if one not in before] == ([repository] if repository else [])


ROLES = {"PipelineRole", "JobsRole", "ServingRole"}


@pytest.mark.parametrize(
    ("setting", "made"),
    [
        ("role_arn", set()),
        ("jobs_role_arn", {"PipelineRole", "ServingRole"}),
        ("serving_role_arn", {"PipelineRole", "JobsRole"}),
    ],
)
def test_a_role_that_is_given_is_passed_on(setting: str, made: set[str]) -> None:
    """The pipeline's role, given alone, is everybody's."""
    given = f"arn:aws:iam::{ACCOUNT}:role/team/one"
    template = template_for(settings_with(f"aws.{setting}={given}"))
    assert template.resources().keys() & ROLES == made
    passed = {s["Sid"]: s["Resource"] for s in template.statements()}
    if "ServingRole" not in made:
        assert passed["GiveModelsTheirRole"] == [given]
    if "PipelineRole" in made and "JobsRole" not in made:
        assert passed["GiveJobsTheirRole"] == [given]


def test_a_bucket_or_group_that_exists_is_left_alone(settings: Settings) -> None:
    made = template_for(settings, CreateBucket="false", CreateModelPackageGroup="false").resources()
    assert {"Bucket", "BucketPolicy", "ModelPackageGroup"}.isdisjoint(made)


def test_without_a_repository_there_is_no_build(settings: Settings) -> None:
    made = template_for(settings, RepositoryUrl="", ConnectionArn="").resources()
    assert {"Build", "BuildRole", "BuildLogs"}.isdisjoint(made)


def test_data_in_other_buckets_can_be_read_and_nothing_else_there() -> None:
    template = template_for(settings_with("data.uri=s3://zoo/dogs"))
    (statement,) = [s for s in template.statements() if "arn:aws:s3:::zoo" in s["Resource"]]
    assert statement["Action"] == ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
    assert statement["Resource"] == ["arn:aws:s3:::zoo", "arn:aws:s3:::zoo/dogs/*"]


def test_data_at_an_unusual_place_of_the_bucket_can_be_read() -> None:
    settings = settings_with("aws.bucket=zoo", "data.uri=s3://zoo/dogs")
    (statement,) = template_for(settings).resources("AWS::IAM::RolePolicy")["ReadElsewhere"][
        "PolicyDocument"
    ]["Statement"]
    assert statement["Resource"] == ["arn:aws:s3:::zoo/dogs/*"]
    for usual in ("data", "datasets/0123", "runs/x/Prepare/dataset"):
        made = template_for(settings_with("aws.bucket=zoo", f"data.uri=s3://zoo/{usual}"))
        assert "ReadElsewhere" not in made.resources()


def test_the_bucket_is_closed_encrypted_and_versioned(template: Template) -> None:
    bucket = template.resources()["Bucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (policy,) = template.resources("AWS::S3::BucketPolicy").values()
    denied = {s["Sid"]: s["Condition"] for s in policy["PolicyDocument"]["Statement"]}
    assert denied["TlsOnly"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_runs_are_deleted_only_when_asked_for(settings: Settings) -> None:
    def deleted(**parameters: str) -> dict[str, Any]:
        bucket = template_for(settings, **parameters).resources()["Bucket"]
        rules = bucket["LifecycleConfiguration"]["Rules"]
        return {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}

    # Registered models lie in runs/.
    assert "runs/" not in deleted()
    assert deleted(RunsExpireDays="400")["runs/"] == "400"


def test_what_holds_data_outlives_the_stack() -> None:
    resources = load_template(PATH)["Resources"]
    kept = [name for name, one in resources.items() if "Retain" in one.get("DeletionPolicy", "")]
    assert kept == ["Bucket", "ModelPackageGroup"]


def test_no_role_may_do_everything_or_to_everything(template: Template) -> None:
    for statement in template.statements():
        assert all("*" not in action for action in statement["Action"])
        if statement["Sid"] not in WITHOUT_RESOURCE:
            assert all(_is_own(one) for one in statement["Resource"]), statement["Sid"]


def _is_own(resource: str) -> bool:
    """Whether an ARN names something of this project, this account, or AWS's own images."""
    if resource.startswith("GetAtt ") or "aws-service-role" in resource:
        return True
    narrow = ("dog-breeds", "pipelines-", "log-group:/aws/sagemaker/", "repository/", "connection/")
    # What the tests of their names and tags in test_aws_calls.py hold.
    others = (":scalable-target/", "-job/????????????-", ":endpoint-config/*")
    return any(word in resource for word in (*narrow, *others))


def test_roles_are_passed_to_sagemaker_only(template: Template) -> None:
    passing = {s["Sid"]: s for s in template.statements() if "iam:PassRole" in s["Action"]}
    passed = {name: one["Resource"][0].rpartition("/")[2] for name, one in passing.items()}
    assert passed == {
        "GiveJobsTheirRole": "dog-breeds-jobs",
        "GiveModelsTheirRole": "dog-breeds-serving",
        "GivePipelineItsRole": "dog-breeds-pipeline",
    }
    for statement in passing.values():
        assert statement["Action"] == ["iam:PassRole"]
        assert len(statement["Resource"]) == 1
        passed_to = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert statement["Condition"] == passed_to


def test_what_runs_in_an_endpoint_may_change_nothing_that_is_deployed(template: Template) -> None:
    statements = list(template.statements("ServingRole"))
    looks = ("List", "Get", "Describe", "BatchGet", "BatchCheck")
    changes = {
        action: statement["Resource"]
        for statement in statements
        for action in statement["Action"]
        if not action.partition(":")[2].startswith(looks)
    }
    bucket = "arn:aws:s3:::dog-breeds-123456789012-us-east-1"
    captured = [f"{bucket}/capture/dog-breeds-production/*"]
    start = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/dog-breeds-"
    ends = ("staging", "staging:*", "production", "production:*", "-*")
    logs = [f"{start}{end}" for end in ends]
    assert changes == {
        "s3:PutObject": captured,
        "s3:AbortMultipartUpload": captured,
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
        "cloudwatch:PutMetricData": ["*"],
    }


def test_an_endpoint_reads_its_model_and_no_picture(settings: Settings, template: Template) -> None:
    (read,) = [s for s in template.statements("ServingRole") if "s3:GetObject" in s["Action"]]
    bucket = f"arn:aws:s3:::{template.parameters['BucketName']}"

    def may_read(key: str) -> bool:
        return any(fnmatchcase(f"{bucket}/{key}", one) for one in read["Resource"])

    # As a training job names it below its output path.
    assert may_read("runs/abc123/train/pipelines-abc123-Train-x/output/model.tar.gz")
    assert not may_read("runs/abc123/prepare/dataset/train.npy")
    assert not may_read("data/train/beagle/1.jpg")
    assert not may_read(f"capture/{settings.production_endpoint_name}/1.jsonl")


def test_an_endpoint_may_write_where_requests_are_captured(template: Template) -> None:
    variables = template.resources()["DeployFunction"]["Environment"]["Variables"]
    capture = Production.from_environment(variables).plan.capture
    assert capture
    statements = {s["Sid"]: s for s in template.statements("ServingRole")}
    (allowed,) = statements["CaptureRequests"]["Resource"]
    assert fnmatchcase(f"{capture.uri}/1.jsonl".replace("s3://", "arn:aws:s3:::"), allowed)


def test_an_endpoint_may_pull_the_image_that_is_registered(
    settings: Settings, template: Template, definition_of: DefinitionOf
) -> None:
    steps = _steps(definition_of(settings)["Steps"])
    (register,) = [step for step in steps if step["Type"] == "RegisterModel"]
    for image in _values(register["Arguments"], "Image"):
        assert _pulls(template, "ServingRole", image)


FUNCTIONS = {"DeployFunction": "DeployRole", "ChampionFunction": "ChampionRole"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_lambda_has_the_code_that_upsert_publishes(function: str, template: Template) -> None:
    module, _, name = template.resources()[function]["Handler"].partition(".")
    tree = ast.parse((ROOT / "lambda_code" / f"{module}.py").read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_lambda_may_do_what_its_code_does(function: str) -> None:
    from botocore import xform_name
    from botocore.session import get_session

    template = template_for(settings_with("notify.emails=[me@example.org]"))
    module, _, name = template.resources()[function]["Handler"].partition(".")
    nodes = [node for used in _reached(module, name) for node in ast.walk(used)]
    # client.describe_endpoint(...), and get_paginator("list_model_packages")
    words = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    words |= {n.value for n in nodes if isinstance(n, ast.Constant) and n.value}
    used = {
        f"{service}:{name}"
        for service in ("sagemaker", "application-autoscaling")
        for name in get_session().get_service_model(service).operation_names
        if xform_name(name) in words
    }
    statements = template.statements(FUNCTIONS[function])
    assert used
    assert used <= {action for statement in statements for action in statement["Action"]}


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("deploy.production.endpoint_name=live", "deploy.production.autoscaling.enabled=false"),
        ("deploy.production.data_capture.enabled=false",),
        (f"aws.role_arn=arn:aws:iam::{ACCOUNT}:role/jobs", "registry.group=breeds"),
        (f"aws.serving_role_arn=arn:aws:iam::{ACCOUNT}:role/serve",),
    ],
)
def test_the_function_knows_what_the_settings_say(overrides: tuple[str, ...]) -> None:
    settings = settings_with(*overrides)
    function = template_for(settings).resources()["DeployFunction"]
    variables = function["Environment"]["Variables"]
    assert variables == lambda_environment(settings)
    production = Production.from_environment(variables)
    assert production.plan.endpoint_name == settings.production_endpoint_name
    assert production.manages_scaling
    wanted = settings.deploy.production
    assert bool(production.scaling) == wanted.autoscaling.enabled
    assert bool(production.plan.capture) == wanted.data_capture.enabled


def _reached(module: str, name: str) -> list[ast.AST]:
    """A function of lambda_code, and all functions and classes there that it comes to use."""
    reached: dict[tuple[str, str], ast.AST] = {}
    left = [(module, name)]
    while left:
        place = left.pop()
        defined, imported = _names_in(place[0])
        if place not in reached and place[1] in defined:
            reached[place] = defined[place[1]]
            used = {node.id for node in ast.walk(reached[place]) if isinstance(node, ast.Name)}
            left += [(imported.get(one, place[0]), one) for one in used]
    return list(reached.values())


@cache
def _names_in(module: str) -> tuple[dict[str, ast.AST], dict[str, str]]:
    """What a module defines, and from which modules it imports names."""
    path = ROOT / "lambda_code" / f"{module}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    kinds = (ast.FunctionDef, ast.ClassDef)
    defined: dict[str, ast.AST] = {one.name: one for one in body if isinstance(one, kinds)}
    imports = [one for one in body if isinstance(one, ast.ImportFrom) and one.module]
    return defined, {name.name: str(one.module) for one in imports for name in one.names}


def test_models_and_configurations_have_names_that_the_lambda_may_make(template: Template) -> None:
    (deploy,) = [s for s in template.statements("DeployRole") if s["Sid"] == "Deploy"]
    prefix = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    for name in (
        "model/dog-breeds--3-0123456789ab",
        "endpoint-config/dog-breeds--12-0123456789ab",
        "endpoint-config/dog-breeds--12-261121100000000-012345",
        "endpoint/dog-breeds-staging",
        "endpoint/dog-breeds-production",
    ):
        assert any(fnmatchcase(f"{prefix}:{name}", one) for one in deploy["Resource"]), name


def test_the_pipelines_jobs_are_such_as_its_role_may_start(
    settings: Settings, template: Template, definition_of: DefinitionOf
) -> None:
    jobs = [
        step["Arguments"]
        for step in _steps(definition_of(settings)["Steps"])
        if step["Type"] in ("Processing", "Training", "Tuning")
    ]
    assert len(jobs) == 5
    statements = {s["Sid"]: s for s in template.statements("JobsRole")}
    for job in jobs:
        assert {"Key": "project", "Value": "dog-breeds"} in job["Tags"]
        written = [f"{uri}/file".replace("s3://", "arn:aws:s3:::") for uri in _outputs(job)]
        assert written
        for arn in written:
            assert any(fnmatchcase(arn, one) for one in statements["WriteResults"]["Resource"])
        for image in _values(job, "ImageUri", "TrainingImage", "RuleEvaluatorImage"):
            assert _pulls(template, "JobsRole", image)
        for role in _values(job, "RoleArn"):
            assert role == settings.jobs_role_arn


def _pulls(template: Template, role: str, image: str) -> bool:
    """Whether a role may pull an image, by the repository in its address."""
    statements = {s["Sid"]: s for s in template.statements(role)}
    pulled = [one for s in ("PullOwnImage", "PullAwsImages") for one in statements[s]["Resource"]]
    repository = image.partition("/")[2].partition(":")[0]
    return any(one.endswith(f":repository/{repository}") for one in pulled)


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _steps(step["Arguments"]["IfSteps"])


def _outputs(job: dict[str, Any]) -> Iterator[str]:
    for where in _values(job, "S3OutputPath"):
        yield where if isinstance(where, str) else _joined(where)
    for output in _values(job, "S3Output"):
        yield _joined(output["S3Uri"])


def _joined(function: dict[str, Any]) -> str:
    return "/".join(map(str, function["Std:Join"]["Values"]))


def _values(document: Any, *names: str) -> Iterator[Any]:
    """Values of these members, wherever they are."""
    if isinstance(document, list):
        for one in document:
            yield from _values(one, *names)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name in names:
                yield value
            yield from _values(value, *names)


def test_only_pushes_to_the_branch_are_built(template: Template) -> None:
    (group,) = template.resources()["Build"]["Triggers"]["FilterGroups"]
    assert {one["Type"]: one["Pattern"] for one in group} == {
        "EVENT": "PUSH",
        "HEAD_REF": "^refs/heads/main$",
    }


def test_the_image_is_built_in_the_format_that_sagemaker_takes(
    template: Template, tmp_path: Path
) -> None:
    """It answers "Unsupported manifest media type" to OCI: amazon-sagemaker-feedback, issue 180."""
    build = yaml.safe_load(template.resources()["ImageBuild"]["Source"]["BuildSpec"])
    for name in ("aws", "docker"):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >&2\n')
        tool.chmod(0o755)
    given = {
        "REPOSITORY": "1.dkr.ecr.r.amazonaws.com/dogs-serving",
        "TAG": "cpu-1",
        "TARGET": "cpu",
    }
    said = "".join(
        subprocess.run(
            ["sh", "-ec", command],
            env={**given, "PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for command in build["phases"]["build"]["commands"]
    )
    assert "docker login --username AWS --password-stdin 1.dkr.ecr.r.amazonaws.com\n" in said
    image = f"{given['REPOSITORY']}:cpu-1"
    flags = f"--provenance=false --output type=docker --target cpu --tag {image} .\n"
    assert said.endswith(f"docker buildx build {flags}docker push {image}\n")


def test_images_are_made_under_the_role_and_name_that_others_expect(template: Template) -> None:
    made = template.resources()
    build = made["ImageBuild"]
    assert build["Source"]["Location"].startswith(f"{template.parameters['BucketName']}/images/")
    variables = {one["Name"]: one["Value"] for one in build["Environment"]["EnvironmentVariables"]}
    assert variables["REPOSITORY"] == "GetAtt ServingImages.RepositoryUri"
    assert set(re.findall(r"\$\{?([A-Z]+)", build["Source"]["BuildSpec"])) == set(variables)
    images = made["ServingImages"]
    assert images["ImageTagMutability"] == "IMMUTABLE"
    assert images["ImageScanningConfiguration"]["ScanOnPush"]
    (rule,) = json.loads(images["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["action"]["type"] == "expire"


def test_a_build_that_waits_for_the_images_build_leaves_it_room_and_time(
    template: Template,
) -> None:
    """docs.aws.amazon.com/codebuild/latest/userguide/limits.html: one build of a type at a time."""
    made = template.resources("AWS::CodeBuild::Project")
    push, image = made["Build"], made["ImageBuild"]
    assert push["Environment"]["ComputeType"] != image["Environment"]["ComputeType"]
    assert push["TimeoutInMinutes"] >= image["TimeoutInMinutes"] + 30  # and the tests


def test_no_build_is_dropped(template: Template) -> None:
    """CodeBuild does not queue what is above a limit of builds at a time."""
    assert "ConcurrentBuildLimit" not in template.resources()["Build"]


def test_there_are_no_yaml_aliases() -> None:
    """CloudFormation reads YAML 1.1 without them; cfn-lint does not say so."""
    kinds = (yaml.AliasToken, yaml.AnchorToken)
    assert not [one for one in yaml.scan(PATH.read_text("utf-8")) if isinstance(one, kinds)]


def test_every_suppressed_check_says_why() -> None:
    for name, resource in load_template(PATH)["Resources"].items():
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skipped["comment"].split()) > 5, name


def test_cfn_lint_finds_nothing() -> None:
    from cfnlint.api import lint, lint_file

    assert [f"{m.linenumber}: {m.rule.id} {m.message}" for m in lint_file(PATH)] == []
    assert [f"{m.rule.id} {m.message}" for m in lint(request_text(PATH))] == []
    # The whole has uses for all parameters and conditions.
    part = [one for one in lint(first_text(PATH)) if one.rule.id not in ("W2001", "W8001")]
    assert [f"{m.rule.id} {m.message}" for m in part] == []
