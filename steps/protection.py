"""Put jobs into the network of the settings, and what they keep under its keys.

Without such settings nothing is added to any request.
"""

from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.network import NetworkConfig

from pipeline.assets.code_bundle import CodeBundle
from pipeline.assets.packages import install_from
from pipeline.settings.local_disks import volume_key
from pipeline.settings.model import Settings

CODE, PACKAGES = "code", "packages"
"""Channels of a training in a VPC or isolated: its code, and what it installs."""
DATA = "/opt/ml/input/data"


def processing_protection(settings: Settings, instance_type: str) -> dict[str, Any]:
    """Return the SDK's options of a Processor; `instance_type` is what it runs on by default."""
    network, told = settings.network, _keys(settings, instance_type)
    subnets: Any = network.subnet_ids or None
    groups: Any = list(network.security_groups) or None
    if subnets or network.isolation or network.encrypt_between_containers:
        told["network_config"] = NetworkConfig(
            enable_network_isolation=network.isolation,
            security_group_ids=groups,
            subnets=subnets,
            encrypt_inter_container_traffic=network.encrypt_between_containers or None,
        )
    return told


def training_protection(settings: Settings, instance_type: str) -> dict[str, Any]:
    """Return the SDK's options of an Estimator, likewise."""
    network = settings.network
    told = _keys(settings, instance_type)
    if network.subnets:
        told["subnets"] = network.subnet_ids
        told["security_group_ids"] = list(network.security_groups)
    if network.isolation:
        told["enable_network_isolation"] = True
    if network.has_no_index:
        told["environment"] = install_from(f"{DATA}/{PACKAGES}")
    if network.encrypt_between_containers:
        told["encrypt_inter_container_traffic"] = True
    return told


def endpoint_protection(settings: Settings, instance_type: str) -> dict[str, str]:
    """Return what the deploying function is told, as text: a Lambda step passes no lists."""
    network = settings.network
    told = {
        "subnets": ",".join(network.subnet_ids),
        "security_groups": ",".join(network.security_groups),
        "isolation": "true" if network.isolation else "",
        "volume_key": volume_key(settings, instance_type) or "",
    }
    return {name: value for name, value in told.items() if value}


def code_address(code: CodeBundle, packages_uri: str | None) -> str:
    """Return where the toolkit finds the code: on S3, or in a channel if that is out of reach."""
    return code.uri if packages_uri is None else f"{DATA}/{CODE}/{code.uri.rpartition('/')[2]}"


def brought_channels(code: CodeBundle, packages_uri: str | None) -> dict[str, TrainingInput]:
    """Return what SageMaker brings to such a training besides its data; nothing to others."""
    if packages_uri is None:
        return {}
    return {CODE: TrainingInput(code.uri), PACKAGES: TrainingInput(packages_uri)}


def _keys(settings: Settings, instance_type: str) -> dict[str, Any]:
    keys = {
        "output_kms_key": settings.encryption.key_of("outputs"),
        "volume_kms_key": volume_key(settings, instance_type),
    }
    return {name: key for name, key in keys.items() if key is not None}
