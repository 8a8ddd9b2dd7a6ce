"""infra/person_policy.json lets a person do what our commands do; held against their source."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from pipeline.bootstrap.template import load_template
from pipeline.command_line.running import ROOT
from tests.infra.template_support import PATH
from tests.pipeline.aws.aws_support import session

POLICY = json.loads((ROOT / "infra/person_policy.json").read_text(encoding="utf-8"))
STATEMENTS = {one["Sid"]: one for one in POLICY["Statement"]}
ALLOWED = [action for one in POLICY["Statement"] for action in one["Action"]]
MANAGED_POLICY = 6_144  # characters that IAM takes, white space not counted
# Rooms whose code calls AWS with a person's credentials, besides pipeline/target.py.
ROOMS = (
    *("aws", "bootstrap", "console", "data", "endpoint", "registry", "report", "run"),
    "teardown",
)
SERVICES = (
    "application-autoscaling",
    "cloudformation",
    "cloudwatch",
    "codebuild",
    "ec2",
    "ecr",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "service-quotas",
)
# Of other libraries: smdebug's, MLflow's, Jinja's and re's.
NOT_AWS = {"create_experiment", "create_trial", "get_template", "search"}
# Where IAM calls an operation otherwise than its API.
IAM_NAMES = {
    "lambda:Invoke": ["lambda:InvokeFunction"],
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:UploadPart": ["s3:PutObject"],
    "sagemaker-runtime:InvokeEndpoint": ["sagemaker:InvokeEndpoint"],
    "service-quotas:ListAWSDefaultServiceQuotas": ["servicequotas:ListAWSDefaultServiceQuotas"],
    "service-quotas:ListServiceQuotas": ["servicequotas:ListServiceQuotas"],
}


@cache
def called() -> dict[str, list[list[str]]]:
    """Return the operations that our commands name, each with the actions of every such service."""
    folders = [ROOT / "pipeline" / room for room in ROOMS]
    files = [ROOT / "pipeline/target.py", *(file for one in folders for file in one.rglob("*.py"))]
    names = {name for file in files for name in _names(file.read_text(encoding="utf-8"))}
    clients = {service: session().client(service).meta for service in SERVICES}
    found = {name: list(_actions(name, clients)) for name in sorted(names - NOT_AWS)}
    return {name: actions for name, actions in found.items() if actions}


def _names(source: str) -> Iterator[str]:
    """Yield what is looked up on an object, and what a paginator is asked for."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get_paginator":
            yield str(ast.literal_eval(node.args[0]))


def _actions(name: str, clients: Mapping[str, Any]) -> Iterator[list[str]]:
    for service, meta in clients.items():
        if operation := meta.method_to_api_mapping.get(name):
            action = f"{service}:{operation}"
            yield IAM_NAMES.get(action, [action])


def _is_allowed(action: str) -> bool:
    return any(fnmatchcase(action, one) for one in ALLOWED)


def test_every_call_of_our_commands_is_allowed() -> None:
    assert len(called()) > 40  # the source was really read
    missing = {
        name: actions
        for name, actions in called().items()
        if not any(all(map(_is_allowed, one)) for one in actions)
    }
    assert not missing


@pytest.mark.parametrize("sid", ["Work", "TearDown"])
def test_it_holds_what_our_commands_call_and_no_more(sid: str) -> None:
    needed = {action for actions in called().values() for one in actions for action in one}
    assert set(STATEMENTS[sid]["Action"]) <= needed


def test_bootstrap_may_make_every_type_of_the_template() -> None:
    services = {
        one["Type"].split("::")[1].lower() for one in load_template(PATH)["Resources"].values()
    }
    made = {
        one.partition(":")[0]
        for one in STATEMENTS["Bootstrap"]["Action"]
        if re.match(r"[a-z0-9]+:(Create|Put)", one)
    }
    assert services <= made


def test_bootstrap_may_hand_the_builds_connection_over_by_both_of_the_services_names() -> None:
    role = load_template(PATH)["Resources"]["BuildRole"]["Properties"]["Policies"]
    statements = [one for policy in role for one in policy["PolicyDocument"]["Statement"]]
    actions = next(one["Action"] for one in statements if one.get("Sid") == "FetchSource")
    for service in {action.partition(":")[0] for action in actions}:
        for verb in ("Pass", "Use"):
            assert f"{service}:{verb}Connection" in STATEMENTS["Bootstrap"]["Action"]


def test_iam_takes_it_and_every_action_is_in_it_once() -> None:
    assert len(re.sub(r"\s", "", json.dumps(POLICY))) <= MANAGED_POLICY
    for one in POLICY["Statement"]:
        assert one["Action"] == sorted(set(one["Action"]))
