"""Define the settings under `network` and `encryption`: where things run, by which keys."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.settings.forms import Form, KmsKeyArn, Section

MOST_SUBNETS, MOST_GROUPS = 16, 5  # SageMaker's limits
SubnetId = Annotated[str, Form(r"subnet-[0-9a-f]{4,25}", "a subnet's id, as in subnet-0a1b2c3d")]
GroupId = Annotated[str, Form(r"sg-[0-9a-f]{4,29}", "a security group's id, as in sg-0a1b2c3d")]
Zone = Annotated[
    str,
    Form(r"[a-z]{2}(-[a-z]+)+-\d(-[a-z]+-\d)?[a-z]", "an availability zone, as in us-east-1a"),
]
KeyUse = Literal["volumes", "outputs", "capture", "bucket", "queue", "logs", "functions"]


class Subnet(Section):
    """A subnet of the VPC, and the zone that it lies in: no offline check could know that."""

    id: SubnetId
    zone: Zone


class Network(Section):
    """The network of jobs, models and functions on AWS; a local run uses this machine's."""

    subnets: Annotated[tuple[Subnet, ...], Field(strict=False, max_length=MOST_SUBNETS)] = ()
    security_groups: Annotated[
        tuple[GroupId, ...], Field(strict=False, max_length=MOST_GROUPS)
    ] = ()
    isolation: bool = False
    encrypt_between_containers: bool = False

    @property
    def subnet_ids(self) -> list[str]:
        """The subnets, without their zones."""
        return [one.id for one in self.subnets]

    @property
    def has_no_index(self) -> bool:
        """Whether jobs may reach no package index: a VPC need not have a way out."""
        return self.isolation or bool(self.subnets)

    @property
    def zones(self) -> list[str]:
        """The different zones of the subnets, sorted."""
        return sorted({one.zone for one in self.subnets})


class Encryption(Section):
    """The KMS keys of what is kept on AWS; a local run encrypts nothing."""

    key: KmsKeyArn | None = None
    volumes: KmsKeyArn | None = None
    outputs: KmsKeyArn | None = None
    capture: KmsKeyArn | None = None
    bucket: KmsKeyArn | None = None
    queue: KmsKeyArn | None = None
    logs: KmsKeyArn | None = None
    functions: KmsKeyArn | None = None

    def key_of(self, use: KeyUse) -> str | None:
        """Return the key of one use: its own, else the one of all; None for AWS's own keys."""
        own: str | None = getattr(self, use)
        return own or self.key

    def keys_of(self, *uses: KeyUse) -> list[str]:
        """Return the different keys of some uses, in their order."""
        return list(dict.fromkeys(key for use in uses if (key := self.key_of(use))))


def _off(value: Any) -> Any:
    """Take null for a section with nothing in it."""
    return {} if value is None else value


NetworkSetting = Annotated[Network, BeforeValidator(_off)]
EncryptionSetting = Annotated[Encryption, BeforeValidator(_off)]
