"""Check what no type can say about the settings under `deploy`."""

from collections.abc import Callable, Iterator

from pipeline.images.catalog import has_gpu
from pipeline.settings.errors import Problem
from pipeline.settings.model import Settings
from pipeline.settings.serverless import MOST_MEMORY_MB, memory_needed_mb

# Alarms of infra/template.yaml take two bad minutes; the one in which traffic moves may look good,
# and CloudWatch has a minute's numbers a little later.
ALARM_SECONDS = 240
_LONGEST_UPDATE_SECONDS = 28_800


def endpoints_differ(settings: Settings) -> Iterator[Problem]:
    """Check that what a run deploys does not replace what was approved."""
    # CreateEndpoint tells no capital from a small letter.
    if settings.endpoint_name.casefold() == settings.production_endpoint_name.casefold():
        what = f"{settings.endpoint_name} is where approved versions go: the pipeline needs another"
        yield Problem(("deploy", "endpoint_name"), what)


def traffic_can_shift(settings: Settings) -> Iterator[Problem]:
    """Check that a part of the traffic is an instance or more, watched before the next part."""
    production = settings.deploy.production
    traffic, path = production.traffic, ("deploy", "production", "traffic")
    if traffic.type == "all_at_once":
        return
    least = max(10 if traffic.type == "linear" else 1, -(-100 // production.instance_count))
    if production.instance_count == 1:
        what = f"{traffic.type} needs 2 instances or more: choose all_at_once"
        yield Problem((*path, "type"), what)
    elif traffic.size_percent < least:
        what = f"of {production.instance_count} instances a part is at least {least} percent"
        yield Problem((*path, "size_percent"), what)
    if traffic.wait_seconds < ALARM_SECONDS:
        what = f"must be at least {ALARM_SECONDS}, so that alarms have time to go off"
        yield Problem((*path, "wait_seconds"), what)
    elif traffic.limit_seconds > _LONGEST_UPDATE_SECONDS:
        what = f"all parts together take longer than SageMaker's {_LONGEST_UPDATE_SECONDS} s"
        yield Problem((*path, "wait_seconds"), what)


def autoscaling_fits(settings: Settings) -> Iterator[Problem]:
    """Check that autoscaling's bounds are in order, around the number an endpoint begins with."""
    production = settings.deploy.production
    scaling, path = production.autoscaling, ("deploy", "production", "autoscaling")
    least, most = scaling.min_instances, scaling.max_instances
    if not scaling.enabled:
        return
    if least > most:
        yield Problem((*path, "min_instances"), f"{least} is more than max_instances ({most})")
    elif not least <= production.instance_count <= most:
        what = f"{production.instance_count} is not from {least} to {most} (its autoscaling)"
        yield Problem(("deploy", "production", "instance_count"), what)


def serverless_can_run_it(settings: Settings) -> Iterator[Problem]:
    """Check what SageMaker asks of a serverless endpoint: no GPU, no VPC, room for the model."""
    staging, path = settings.deploy.staging, ("deploy", "staging")
    if staging.type != "serverless":
        return
    if has_gpu(settings.deploy.production.instance_type) and settings.serving.image is None:
        what = "serverless has no GPUs, and the image for production's is too large for it"
        yield Problem((*path, "type"), f"{what}: choose realtime or none")
    if settings.network.subnets or settings.network.isolation:
        what = "serverless endpoints take no VPC and no network isolation (network)"
        yield Problem((*path, "type"), f"{what}: choose realtime or none")
    ready = staging.provisioned_concurrency or 0
    if ready > staging.max_concurrency:
        what = f"{ready} is more than max_concurrency ({staging.max_concurrency})"
        yield Problem((*path, "provisioned_concurrency"), what)
    needed = memory_needed_mb(settings)
    if staging.memory_mb is None and needed > MOST_MEMORY_MB:
        what = (
            f"{settings.backbone.name} needs about {needed:,} MB, serverless has {MOST_MEMORY_MB:,}"
        )
        yield Problem((*path, "type"), f"{what}: choose realtime or none")


DEPLOY_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    endpoints_differ,
    traffic_can_shift,
    autoscaling_fits,
    serverless_can_run_it,
)
