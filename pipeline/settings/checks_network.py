"""Check what no type can say about the settings under `network` and `encryption`."""

from collections import Counter
from collections.abc import Callable, Iterator

from pipeline.settings.errors import Problem
from pipeline.settings.model import Settings

_ZONES = 2  # that an endpoint lives through the end of one of


def subnets_and_groups_go_together(settings: Settings) -> Iterator[Problem]:
    """Check that subnets have security groups and groups have subnets: SageMaker takes both."""
    network = settings.network
    if network.subnets and not network.security_groups:
        what = "subnets need one: give the groups that may reach the VPC's endpoints"
        yield Problem(("network", "security_groups"), what)
    if network.security_groups and not network.subnets:
        what = "security groups need subnets: give those of the same VPC"
        yield Problem(("network", "subnets"), what)


def nothing_is_there_twice(settings: Settings) -> Iterator[Problem]:
    """Check that no subnet and no security group is given twice."""
    network = settings.network
    given = {"subnets": network.subnet_ids, "security_groups": network.security_groups}
    for name, ids in given.items():
        for one in (one for one, count in Counter(ids).items() if count > 1):
            yield Problem(("network", name), f"{one} is there twice")


def zones_fit(settings: Settings) -> Iterator[Problem]:
    """Check that subnets lie in the region, and in two zones: endpoints are spread over them."""
    network, region, path = settings.network, settings.aws.region, ("network", "subnets")
    for one in network.subnets:
        if not one.zone.startswith(region):
            yield Problem(path, f"{one.id} is in {one.zone}, not in aws.region ({region})")
    if network.subnets and len(network.zones) < _ZONES:
        what = f"all lie in {network.zones[0]}: endpoints need subnets of two zones or more"
        yield Problem(path, f"{what}, so that one of them may fail")


def keys_are_of_the_region(settings: Settings) -> Iterator[Problem]:
    """Check that every key is of the region: a KMS key works nowhere else."""
    region, partition = settings.aws.region, settings.partition
    for name, key in settings.encryption:
        if key is None:
            continue
        _, of_partition, _, of_region, *_ = key.split(":")
        if (of_partition, of_region) != (partition, region):
            what = f"the key is of {of_region}, not of aws.region ({region})"
            if of_region == region:
                what = f"the key is of the partition {of_partition}, the region of {partition}"
            yield Problem(("encryption", name), f"{what}: KMS keys work nowhere else")


NETWORK_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    subnets_and_groups_go_together,
    nothing_is_there_twice,
    zones_fit,
    keys_are_of_the_region,
)
