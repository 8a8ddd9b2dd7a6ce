"""Networks and keys that AWS would refuse are refused before, each with its reason."""

import pytest

from pipeline.command_line.running import ROOT
from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import load_settings
from pipeline.settings.local_disks import has_local_disk
from pipeline.settings.model import Settings

A = "{id: subnet-0a1b2c3d, zone: us-east-1a}"
B = "{id: subnet-0a1b2c3e, zone: us-east-1b}"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION = "arn:aws:kms:us-east-1:999988887777:key/mrk-1234abcd12ab34cd56ef1234567890ab"


def load(*overrides: str) -> Settings:
    return load_settings(ROOT / "pipeline.yaml", None, ["aws.region=us-east-1", *overrides])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (f"network.subnets=[{A}, {B}]", r"network\.security_groups.*subnets need one"),
        ("network.security_groups=[sg-0a1b2c3d]", r"network\.subnets.*need subnets"),
        (f"network={{subnets: [{A}], security_groups: [sg-1234]}}", "all lie in us-east-1a"),
        (f"network={{subnets: [{A}, {A}, {B}], security_groups: [sg-1234]}}", "there twice"),
        (
            f"network={{subnets: [{A}, {B}], security_groups: [sg-1234, sg-1234]}}",
            "sg-1234 is there twice",
        ),
        (f"network.subnets=[{A.replace('us-east-1a', 'eu-west-1a')}]", "not in aws.region"),
        ("network.subnets=[subnet-0a1b2c3d]", r"network\.subnets"),
        ("network.subnets=[{id: vpc-12345678, zone: us-east-1a}]", "a subnet's id"),
        ("network.security_groups=[sg-1, sg-2, sg-3, sg-4, sg-5, sg-6]", "security_groups"),
        (f"encryption.key={KEY.replace('us-east-1', 'eu-west-1')}", "key is of eu-west-1"),
        (f"encryption.logs={KEY.replace('arn:aws:', 'arn:aws-cn:')}", "partition aws-cn"),
        ("network.isolation=true", "serverless endpoints take no VPC and no network isolation"),
        ("encryption.volumes=alias/dogs", "the ARN of a KMS key"),
        (f"encryption.queue={KEY.replace('key/', 'alias/')}", "the ARN of a KMS key"),
    ],
)
def test_what_aws_would_refuse_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load(setting)


def test_each_use_has_its_own_key_or_that_of_all() -> None:
    encryption = load(f"encryption={{key: {KEY}, capture: {MULTI_REGION}}}").encryption
    assert (encryption.key_of("volumes"), encryption.key_of("capture")) == (KEY, MULTI_REGION)
    assert encryption.keys_of("bucket", "outputs", "capture") == [KEY, MULTI_REGION]
    assert load(f"encryption.capture={KEY}").encryption.key_of("volumes") is None


@pytest.mark.parametrize("section", ["network", "encryption"])
def test_null_is_nothing(section: str) -> None:
    assert load(f"{section}=null") == load()


@pytest.mark.parametrize(
    ("instance_type", "has"),
    [
        ("ml.m5.large", False),
        ("ml.m7i.2xlarge", False),
        ("ml.inf2.xlarge", False),
        ("ml.p3.2xlarge", False),
        ("ml.m5d.large", True),
        ("ml.c6id.large", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.g6e.12xlarge", True),
        ("ml.p3dn.24xlarge", True),
        ("ml.p4de.24xlarge", True),
        ("ml.p5en.48xlarge", True),
        ("ml.trn1n.32xlarge", True),
    ],
)
def test_machines_with_disks_of_their_own_are_known(instance_type: str, has: bool) -> None:
    assert has_local_disk(instance_type) == has
