"""Every job of both pipelines is in the network of the settings, and under its keys."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.check import check_definition
from pipeline.definition.compile import compile_monitoring
from pipeline.settings.loading import load_settings
from tests.steps.conftest import FIXED, ROOT, Definition

pytestmark = pytest.mark.xdist_group("sdk")

A, B, GROUP = "subnet-0a1b2c3d", "subnet-0a1b2c3e", "sg-0a1b2c3d"
KEY, OUTPUTS = (
    f"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-00000000000{n}" for n in (1, 2)
)
VPC = {"Subnets": [A, B], "SecurityGroupIds": [GROUP]}
NETWORK = (
    f"network={{subnets: [{{id: {A}, zone: us-east-1a}}, {{id: {B}, zone: us-east-1b}}], "
    f"security_groups: [{GROUP}], isolation: true, encrypt_between_containers: true}}"
)
REALTIME = "deploy.staging.type=realtime"
PROTECTED = (NETWORK, REALTIME, f"encryption={{key: {KEY}, outputs: {OUTPUTS}}}")
EVERYTHING = (*PROTECTED, "training.fine_tune_blocks=1", "gate.no_issues_from=[Overfit]")
Compiled = Callable[..., Definition]


def jobs(definition: Definition) -> Iterator[tuple[str, Any]]:
    """Every job, by its step's name, and a tuning's as its trials."""
    for step in definition["Steps"]:
        arguments = step["Arguments"]
        if step["Type"] in ("Processing", "Training"):
            yield step["Name"], arguments
        elif step["Type"] == "Tuning":
            yield step["Name"], arguments["TrainingJobDefinition"]
        elif step["Type"] == "Condition":
            yield from jobs({"Steps": arguments["IfSteps"]})


def assert_protected(job: Any) -> None:
    network = job.get("NetworkConfig", job)
    assert network["EnableNetworkIsolation"] is True
    assert network["EnableInterContainerTrafficEncryption"] is True
    assert network["VpcConfig"] == VPC
    assert job.get("OutputDataConfig", job.get("ProcessingOutputConfig"))["KmsKeyId"] == OUTPUTS
    assert KEY in volume_keys(job)


def volume_keys(job: Any) -> list[str]:
    if isinstance(job, dict):
        inner = [key for value in job.values() for key in volume_keys(value)]
        return inner + [value for name, value in job.items() if name == "VolumeKmsKeyId"]
    return [key for value in job for key in volume_keys(value)] if isinstance(job, list) else []


def test_every_job_is_protected(compiled: Compiled) -> None:
    found = dict(jobs(compiled(*EVERYTHING)))
    assert list(found) == [
        *("Prepare", "ExtractFeatures", "Tune", "Train", "Evaluate", "CheckTensors")
    ]
    for job in found.values():
        assert_protected(job)


def test_the_check_of_production_is_protected() -> None:
    settings = load_settings(
        ROOT / "pipeline.yaml", "local", [*FIXED, *PROTECTED, "monitor.enabled=true"]
    )
    ((name, job),) = jobs(compile_monitoring(settings, ROOT))
    assert name == "Monitor"
    assert_protected(job)


def test_nothing_is_said_of_it_where_nothing_is_asked(compiled: Compiled) -> None:
    text = json.dumps(compiled())
    words = ("Network", "VpcConfig", "Isolation", "Kms", "ContainerTraffic", "PIP_", "subnet")
    assert not [word for word in words if word in text]


IN_VPC = NETWORK.replace("isolation: true", "isolation: false")


@pytest.mark.parametrize("network", [NETWORK, IN_VPC], ids=["isolated", "in a VPC"])
def test_a_job_fetches_nothing_itself(compiled: Compiled, network: str) -> None:
    """SageMaker brings code and packages: containers need neither S3 nor a package index."""
    found = dict(jobs(compiled(network, REALTIME)))
    for name in ("Prepare", "ExtractFeatures"):
        folders = {
            one["InputName"]: one["S3Input"]["LocalPath"] for one in found[name]["ProcessingInputs"]
        }
        assert found[name]["Environment"]["PIP_FIND_LINKS"] == folders["packages"]
    for name in ("Tune", "Train"):
        job = found[name]
        told = job.get("HyperParameters") or job["StaticHyperParameters"]
        uris = {
            one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
            for one in job["InputDataConfig"]
        }
        file = uris["code"].rpartition("/")[2]
        assert told["sagemaker_submit_directory"] == f"/opt/ml/input/data/code/{file}"
        assert job["Environment"]["PIP_FIND_LINKS"] == "/opt/ml/input/data/packages"
        assert uris["packages"].endswith("/wheels")
    # our serving image has all that it needs
    assert "PIP_NO_INDEX" not in found["Evaluate"]["Environment"]


def test_a_machine_with_disks_of_its_own_gets_no_key(compiled: Compiled) -> None:
    found = dict(jobs(compiled(*PROTECTED, "instances.training.type=ml.g5.xlarge")))
    assert volume_keys(found["Train"]) == []
    assert volume_keys(found["Prepare"]) == [KEY]


def test_the_function_that_deploys_is_told_of_staging(step: Compiled) -> None:
    told = step("Deploy", *PROTECTED)["Arguments"]
    assert {name: told[name] for name in ("subnets", "security_groups", "isolation")} == {
        "subnets": f"{A},{B}",
        "security_groups": GROUP,
        "isolation": "true",
    }
    assert told["volume_key"] == KEY


def test_our_own_definition_passes_its_check(compiled: Compiled) -> None:
    assert check_definition(compiled(*EVERYTHING)) == []
