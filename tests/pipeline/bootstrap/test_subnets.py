"""What is said of the network is held against AWS before anything is changed."""

from typing import Any

import pytest

from pipeline.aws.clients import Aws
from pipeline.bootstrap.subnets import check_network
from pipeline.errors import UsageError
from tests.pipeline.aws.aws_support import ACCOUNT, REGION, Playback, session, settings_for

NETWORK = (
    "network={subnets: [{id: subnet-0a1b2c3d, zone: us-east-1a}, "
    "{id: subnet-0a1b2c3e, zone: us-east-1b}], security_groups: [sg-0a1b2c3d]}"
)
REALTIME = "deploy.staging.type=realtime"
GROUP = {"GroupId": "sg-0a1b2c3d", "VpcId": "vpc-1"}


def subnet(last: str, zone: str, vpc: str = "vpc-1") -> dict[str, str]:
    return {"SubnetId": f"subnet-0a1b2c3{last}", "AvailabilityZone": zone, "VpcId": vpc}


@pytest.fixture(scope="module")
def client() -> Any:
    return session().client("ec2")


def check(client: Any, *subnets: dict[str, str], group: dict[str, str] = GROUP) -> None:
    with Playback(client) as stub:
        ids = {"SubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]}
        stub.add_response("describe_subnets", {"Subnets": list(subnets)}, ids)
        groups = {"GroupIds": ["sg-0a1b2c3d"]}
        stub.add_response("describe_security_groups", {"SecurityGroups": [group]}, groups)
        check_network(
            Aws(REGION, ACCOUNT, lambda _service: client), settings_for(NETWORK, REALTIME)
        )


@pytest.mark.parametrize(
    ("second", "group", "reason"),
    [
        (subnet("e", "us-east-1a"), GROUP, "is in us-east-1a, not in us-east-1b"),
        (subnet("e", "us-east-1b", "vpc-2"), GROUP, "subnets: subnet-0a1b2c3e is in vpc-2"),
        (subnet("e", "us-east-1b"), {**GROUP, "VpcId": "vpc-2"}, "security_groups: sg-0a1b2c3d is"),
    ],
)
def test_what_is_otherwise_is_said(
    client: Any, second: dict[str, str], group: dict[str, str], reason: str
) -> None:
    check(client, subnet("d", "us-east-1a"), subnet("e", "us-east-1b"))
    with pytest.raises(UsageError, match=reason):
        check(client, subnet("d", "us-east-1a"), second, group=group)


def test_what_is_not_there_is_said_and_who_may_not_look_goes_on(client: Any) -> None:
    aws = Aws(REGION, ACCOUNT, lambda _service: client)
    with Playback(client) as stub:
        stub.add_client_error("describe_subnets", "InvalidSubnetID.NotFound", "no such subnet")
        with pytest.raises(UsageError, match="network: no such subnet"):
            check_network(aws, settings_for(NETWORK, REALTIME))
        stub.add_client_error("describe_subnets", "UnauthorizedOperation", "not allowed")
        check_network(aws, settings_for(NETWORK, REALTIME))
    check_network(Aws(REGION, ACCOUNT, pytest.fail), settings_for())
