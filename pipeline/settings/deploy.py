"""Define the settings under `deploy`: the endpoints, and how a new version comes to them."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.settings.forms import InstanceType, ResourceName, Section


class Traffic(Section):
    """How requests move to a new version; an alarm meanwhile brings them all back."""

    type: Literal["all_at_once", "canary", "linear"]
    size_percent: Annotated[int, Field(ge=1, le=50)]
    wait_seconds: Annotated[int, Field(ge=0, le=3600)]

    @property
    def limit_seconds(self) -> int:
        """The longest that an update may take: an hour for machines, and the time to watch."""
        # The last part is watched like each before it; a canary is two parts.
        parts = {"all_at_once": 1, "canary": 2, "linear": -(-100 // self.size_percent)}
        return 3600 + parts[self.type] * self.wait_seconds


class DataCapture(Section):
    """Requests and answers of an endpoint, kept in the bucket under capture/."""

    enabled: bool
    percent: Annotated[int, Field(ge=1, le=100)]


class Autoscaling(Section):
    """The number of instances, between two bounds, as there are requests for."""

    enabled: bool
    min_instances: Annotated[int, Field(ge=1, le=100)]
    max_instances: Annotated[int, Field(ge=1, le=100)]
    invocations_per_instance: Annotated[int, Field(ge=1, le=1_000_000)]


class Production(Section):
    """The endpoint that an approval in the registry deploys to."""

    endpoint_name: ResourceName | None = None
    instance_type: InstanceType
    instance_count: Annotated[int, Field(ge=1, le=100)]
    traffic: Traffic
    data_capture: DataCapture
    autoscaling: Autoscaling


class Staging(Section):
    """How the endpoint runs that the pipeline itself deploys to.

    Left out, it is as before there was a choice, on instances: nobody's endpoint changes its kind
    unasked.
    """

    type: Literal["serverless", "realtime", "none"] = "realtime"
    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 5
    provisioned_concurrency: Annotated[int, Field(ge=1, le=200)] | None = None
    expire_hours: Annotated[int, Field(ge=1, le=8760)] | None = None


class Deploy(Section):
    """The endpoint that the pipeline itself creates or updates, and the one after an approval."""

    endpoint_name: ResourceName | None = None
    staging: Staging = Field(default_factory=Staging)
    instance_type: InstanceType
    instance_count: Annotated[int, Field(ge=1, le=100)]
    production: Production
