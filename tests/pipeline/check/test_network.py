"""What isolation forbids, keys that AWS refuses, and jobs that were left out are reported."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.check import check_definition
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

pytestmark = pytest.mark.xdist_group("sdk")

OTHERS = "arn:aws:kms:us-east-1:999988887777:key/1234abcd-12ab-34cd-56ef-000000000001"
KEY = OTHERS.replace("999988887777", "111122223333")
ALIAS = "arn:aws:kms:us-east-1:111122223333:alias/dogs"
NETWORK = (
    "network={subnets: [{id: subnet-0a1b2c3d, zone: us-east-1a}, "
    "{id: subnet-0a1b2c3e, zone: us-east-1b}], security_groups: [sg-0a1b2c3d], isolation: true}"
)
CLUSTER = ("Prepare", "ProcessingResources", "ClusterConfig")
DefinitionOf = Callable[[Settings], dict[str, Any]]


@pytest.fixture(scope="module")
def protected(definition_of: DefinitionOf) -> dict[str, Any]:
    ours = (f"encryption.key={KEY}", "aws.account_id='111122223333'")
    overrides = (NETWORK, "deploy.staging.type=realtime", *ours)
    return definition_of(load_settings(ROOT / "pipeline.yaml", "local", overrides))


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        ((*CLUSTER, "InstanceType"), "ml.g5.xlarge", ("error", "volume-key")),
        ((*CLUSTER, "VolumeKmsKeyId"), ALIAS, ("error", "volume-key")),
        ((*CLUSTER, "VolumeKmsKeyId"), OTHERS, ("warning", "key-account")),
        ((*CLUSTER, "VolumeKmsKeyId"), KEY.replace("us-east", "eu-west"), ("error", "region")),
        (
            ("Train", "HyperParameters", "sagemaker_submit_directory"),
            "s3://b/sourcedir.tar.gz",
            ("error", "isolated-code"),
        ),
        (("Train", "Environment"), None, ("error", "isolated-packages")),
        (("Prepare", "Environment", "PIP_FIND_LINKS"), None, ("error", "isolated-packages")),
        (
            ("Prepare", "AppSpecification", "ImageUri"),
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1",
            ("warning", "isolated-image"),
        ),
        (
            ("Prepare", "Environment", "TRACKING"),
            "https://tracking.example.org",
            ("warning", "isolated-address"),
        ),
        (("Prepare", "NetworkConfig", "VpcConfig"), None, ("warning", "unprotected")),
        (("Train", "EnableNetworkIsolation"), False, ("warning", "unprotected")),
        (("Train", "OutputDataConfig", "KmsKeyId"), None, ("warning", "unprotected")),
    ],
)
def test_one_fault_is_found_where_it_is(
    protected: dict[str, Any], place: tuple[str, ...], value: Any, found: tuple[str, str]
) -> None:
    name, *keys, last = place
    changed = copy.deepcopy(protected)
    holder = next(one for one in changed["Steps"] if one["Name"] == name)["Arguments"]
    for key in keys:
        holder = holder[key]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    reported = [(one.severity, one.rule, one.step) for one in check_definition(changed)]
    assert (*found, name) in reported


def test_a_channel_that_others_read_is_no_mistake(protected: dict[str, Any]) -> None:
    assert check_definition(protected) == []
    changed = copy.deepcopy(protected)
    train = next(one for one in changed["Steps"] if one["Name"] == "Train")["Arguments"]
    train["Environment"]["PIP_FIND_LINKS"] = "/opt/ml/input/data/elsewhere"
    assert [(one.rule, one.step) for one in check_definition(changed)] == [
        ("script-channel", "Train")
    ]
