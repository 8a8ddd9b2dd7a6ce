"""Endpoints run in the network of the settings, on disks and with captured requests under keys."""

import json
from typing import Any

import pytest

from deploy_endpoint import handle
from pipeline.local.service.operations.endpoints import finish_deployment
from production_endpoint import Clients
from tests.lambda_code.deploy_support import HOW, ROLE, World, no_scaling

VOLUMES, CAPTURE = (
    f"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-00000000000{n}" for n in (1, 2)
)
VPC = {"Subnets": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"]}
PROTECTED = {
    "network": {
        "subnets": VPC["Subnets"],
        "security_groups": VPC["SecurityGroupIds"],
        "isolation": True,
    },
    "volume_key": VOLUMES,
}
STAGING = "dogs-staging"
STEP = {
    "endpoint_name": STAGING,
    "instance_type": "ml.m5.large",
    "instance_count": 1,
    "role_arn": ROLE,
}
TOLD = {
    "subnets": "subnet-0a,subnet-0b",
    "security_groups": "sg-0a",
    "isolation": "true",
    "volume_key": VOLUMES,
}


def configuration(world: World, answer: dict[str, str]) -> tuple[Any, Any]:
    """The endpoint configuration that was made, and its model."""
    name = answer["endpoint_config_name"]
    config = world.client.describe_endpoint_config(EndpointConfigName=name)
    (variant,) = config["ProductionVariants"]
    return config, world.client.describe_model(ModelName=variant["ModelName"])


def test_production_has_both(world: World) -> None:
    capture = {**HOW["data_capture"], "key": CAPTURE}  # type: ignore[dict-item]
    how = {**HOW, **PROTECTED, "data_capture": capture}
    world.environment["DEPLOYMENT"] = json.dumps(how)
    config, model = configuration(world, world.handle(world.decide("a", "1")))
    assert (config["KmsKeyId"], config["DataCaptureConfig"]["KmsKeyId"]) == (VOLUMES, CAPTURE)
    assert (model["VpcConfig"], model["EnableNetworkIsolation"]) == (VPC, True)


@pytest.mark.parametrize("network", [PROTECTED["network"], {}])
def test_another_network_or_key_is_another_model_and_configuration(
    world: World, network: dict[str, Any]
) -> None:
    """Neither can be changed once it is made."""
    before = configuration(world, world.handle(world.decide("a", "1")))
    changed = {**PROTECTED, "network": network} if network else {"volume_key": VOLUMES}
    world.environment["DEPLOYMENT"] = json.dumps({**HOW, **changed})
    after = configuration(world, world.handle(world.decide("a", "2")))
    assert "VpcConfig" not in before[1]
    assert "KmsKeyId" not in before[0]
    assert after[0]["KmsKeyId"] == VOLUMES
    assert ("VpcConfig" in after[1]) == bool(network)


def test_staging_has_what_its_run_asks_for_and_keeps_it_on_the_way_back(world: World) -> None:
    world.environment["STAGING_ENDPOINT"] = STAGING
    clients = Clients(world.client, no_scaling, lambda _: None)

    def deployed(event: dict[str, Any]) -> dict[str, str]:
        answer: dict[str, str] = handle(event, world.environment, clients)
        hosted = {"InstanceCount": 1, "VariantName": "AllTraffic"}
        assert finish_deployment(world.store, STAGING, answer["endpoint_config_name"], hosted)
        return answer

    for number in (1, 2):
        event = {**STEP, **TOLD, "model_package_arn": world.package(number)}
        config, model = configuration(world, deployed(event))
        assert config["KmsKeyId"] == VOLUMES
        assert (model["VpcConfig"], model["EnableNetworkIsolation"]) == (VPC, True)

    config, model = configuration(world, deployed({"rollback": {"endpoint_name": STAGING}}))
    assert config["KmsKeyId"] == VOLUMES
    assert model["VpcConfig"] == VPC
