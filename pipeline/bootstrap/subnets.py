"""Hold the settings' subnets and security groups against what AWS has."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import error_code, explained, is_denied, message_of
from pipeline.errors import UsageError
from pipeline.settings.model import Settings


def check_network(aws: Aws, settings: Settings) -> None:
    """Check that subnets lie in the zones they are said to, all in one VPC with the groups.

    Who may not look leaves it to AWS. Raises UsageError, AwsError.
    """
    network = settings.network
    if not network.subnets:
        return
    client = aws.client("ec2")
    with explained("looking at the subnets of network.subnets"):
        try:
            subnets = client.describe_subnets(SubnetIds=network.subnet_ids)["Subnets"]
            ids = list(network.security_groups)
            groups = client.describe_security_groups(GroupIds=ids)["SecurityGroups"]
        except ClientError as error:
            if is_denied(error):
                return
            if ".NotFound" in error_code(error):
                raise UsageError(f"network: {message_of(error)}") from None
            raise
    zones = {one.id: one.zone for one in network.subnets}
    if problems := [*_in_other_zones(subnets, zones), *_in_other_vpcs(subnets, groups)]:
        raise UsageError("\n".join(problems))


def _in_other_zones(subnets: list[Any], zones: Mapping[str, str]) -> Iterator[str]:
    for one in subnets:
        name, zone = one["SubnetId"], one["AvailabilityZone"]
        if zone != zones[name]:
            yield f"network.subnets: {name} is in {zone}, not in {zones[name]}: correct its zone"


def _in_other_vpcs(subnets: list[Any], groups: list[Any]) -> Iterator[str]:
    first = subnets[0]["VpcId"]
    for kind, key, found in (
        ("subnets", "SubnetId", subnets),
        ("security_groups", "GroupId", groups),
    ):
        for one in found:
            if one["VpcId"] != first:
                what = f"{one[key]} is in {one['VpcId']}, {subnets[0]['SubnetId']} in {first}"
                yield f"network.{kind}: {what}: give those of one VPC"
