"""Functions in a VPC, and keys: asked for they are everywhere, and not asked for nowhere."""

import json
from typing import Any

import pytest

from tests.infra.template_support import (
    ACCOUNT,
    KEY,
    KEYS,
    NETWORK,
    REALTIME,
    REGION,
    Template,
    settings_with,
    template_for,
)

MONITORED = "monitor.enabled=true"


@pytest.fixture(scope="module")
def protected() -> Template:
    return template_for(settings_with(NETWORK, REALTIME, MONITORED, *KEYS))


def of(template: Template, kind: str) -> list[dict[str, Any]]:
    found = list(template.resources(kind).values())
    assert found
    return found


def test_both_functions_are_in_the_network(protected: Template) -> None:
    for function in of(protected, "AWS::Lambda::Function"):
        assert function["VpcConfig"] == {
            "SubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
            "SecurityGroupIds": ["sg-0a1b2c3d"],
        }
        assert function["KmsKeyArn"] == KEY["functions"]


def test_what_is_kept_is_under_its_key(protected: Template) -> None:
    (bucket,) = of(protected, "AWS::S3::Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY["key"]},
        "BucketKeyEnabled": True,
    }
    for logs in of(protected, "AWS::Logs::LogGroup"):
        assert logs["KmsKeyId"] == KEY["logs"]
    for kept in (*of(protected, "AWS::SQS::Queue"), *of(protected, "AWS::SNS::Topic")):
        assert kept["KmsMasterKeyId"] == KEY["queue"]
        assert "SqsManagedSseEnabled" not in kept


def test_roles_may_use_these_keys_and_this_network_alone(protected: Template) -> None:
    used = [
        resource
        for statement in protected.statements()
        if statement["Effect"] == "Allow"
        and any(one.startswith(("kms:", "ec2:")) for one in statement["Action"])
        and statement["Sid"] != "SeeNetwork"
        for resource in statement["Resource"]
    ]
    mine = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
    groups_and_subnets = {
        f"arn:aws:ec2:{REGION}:*:security-group/sg-0a1b2c3d",
        *(f"arn:aws:ec2:{REGION}:*:subnet/subnet-0a1b2c3{end}" for end in "de"),
    }
    keys = {KEY[use] for use in ("key", "volumes", "queue", "functions")}
    assert set(used) == {*keys, *groups_and_subnets, f"{mine}:network-interface/*", f"{mine}:*/*"}


def test_production_is_deployed_under_them(protected: Template) -> None:
    variables = protected.resources()["DeployFunction"]["Environment"]["Variables"]
    told = json.loads(variables["DEPLOYMENT"])
    assert told["volume_key"] == KEY["volumes"]
    assert told["data_capture"]["key"] == KEY["key"]
    assert told["network"]["isolation"] is True


def test_the_longest_network_fits_in_its_parameter() -> None:
    subnets = [{"id": f"subnet-{n:017x}", "zone": f"{REGION}{'ab'[n % 2]}"} for n in range(16)]
    groups = [f"sg-{n:017x}" for n in range(5)]
    network = json.dumps({"subnets": subnets, "security_groups": groups, "isolation": True})
    template = template_for(settings_with(f"network={network}", REALTIME, *KEYS))
    limit = template.body["Parameters"]["ProductionDeployment"]["MaxLength"]
    assert len(template.parameters["ProductionDeployment"]) <= limit


@pytest.mark.parametrize("settings", [(), (MONITORED,)])
def test_not_asked_for_they_are_nowhere(settings: tuple[str, ...]) -> None:
    text = json.dumps(template_for(settings_with(*settings)).resources())
    words = ("VpcConfig", "KmsKey", "KMSMasterKey", "KmsMasterKey", "kms:", "ec2:", "aws:kms")
    assert [word for word in words if word in text] == []
    assert '"SSEAlgorithm": "AES256"' in text
    assert '"SqsManagedSseEnabled": true' in text


def test_one_key_does_not_bring_another() -> None:
    template = template_for(settings_with(f"encryption.outputs={KEY['key']}"))
    text = json.dumps(template.resources())
    assert '"SSEAlgorithm": "AES256"' in text
    assert "kms:CreateGrant" not in text
    assert text.count("UseDataKeys") == 7  # of all roles but the monitor's
