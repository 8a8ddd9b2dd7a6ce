"""Count the instances that a project's jobs and endpoints need at one time, by AWS's quotas."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.definition.parameters import Value
from pipeline.settings.model import Settings
from pipeline.settings.serverless import staging_memory_mb

_PROCESSING, _TRAINING = "processing job usage", "training job usage"
_SPOT, _ENDPOINT = "spot training job usage", "endpoint usage"
_WARM = "training warm pool usage"
_CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"
_MEMORY = "Memory size in MB per serverless endpoint"
_EVERYBODYS_MEMORY_MB = 3072  # accounts are given at least this, and not all are told how much


@dataclass(frozen=True)
class Need:
    """What one quota must allow at a time: `count` in all, `least` for any run at all.

    `quota` is its name in Service Quotas, mostly of instances; `why` says what they are for.
    """

    quota: str
    count: int
    least: int
    why: str


@dataclass(frozen=True)
class _Use:
    """Instances at a time; those of one `phase` are never beside those of another."""

    quota: str
    phase: str
    count: int
    least: int
    why: str


def quota_needs(settings: Settings, given: Mapping[str, Value] | None = None) -> tuple[Need, ...]:
    """Return what the settings need of each quota, for a run with these parameters.

    An endpoint that is updated has its instances twice: the old ones answer until the new ones do.
    """
    uses: dict[str, list[_Use]] = defaultdict(list)
    for use in (*_jobs(settings, given or {}), *_endpoints(settings, given or {})):
        uses[use.quota].append(use)
    return tuple(_need(quota, uses[quota]) for quota in uses)


def _need(quota: str, uses: list[_Use]) -> Need:
    """Sum what is needed at the same time, and take the largest of what comes in turns."""
    phases: dict[str, list[_Use]] = defaultdict(list)
    for use in uses:
        phases[use.phase].append(use)
    count = max(sum(use.count for use in phase) for phase in phases.values())
    least = max(use.least for use in uses)
    return Need(quota, count, least, ", ".join(use.why for use in uses))


def _jobs(settings: Settings, given: Mapping[str, Value]) -> Iterator[_Use]:
    instances, monitor = settings.instances, settings.monitor
    processing = str(given.get("ProcessingInstanceType", instances.processing.type))
    count = instances.processing.count
    yield _Use(f"{processing} for {_PROCESSING}", "", count, count, "Prepare to Evaluate")
    if settings.gate.no_issues_from:
        yield _Use(f"{processing} for {_PROCESSING}", "", count, count, "CheckTensors beside it")
    if monitor.enabled:
        yield _Use(f"{monitor.instance_type} for {_PROCESSING}", "", 1, 0, "the check by the clock")
    parallel = int(given.get("TuningMaxParallelJobs", settings.tuning.max_parallel_jobs))
    kind, trials = _SPOT if settings.tuning.spot else _TRAINING, instances.tuning
    why = f"Tune, {parallel} trials at a time"
    yield _Use(f"{trials.type} for {kind}", "Tune", parallel * trials.count, trials.count, why)
    kind, one = _SPOT if instances.training.spot else _TRAINING, instances.training
    training = str(given.get("TrainingInstanceType", one.type))
    yield _Use(f"{training} for {kind}", "Train", one.count, one.count, "Train")
    if one.keep_alive_minutes:
        why = "Train's machine, kept for the next run; with less it is not kept"
        yield _Use(f"{training} for {_WARM}", "", one.count, 0, why)


def _endpoints(settings: Settings, given: Mapping[str, Value]) -> Iterator[_Use]:
    deploy = settings.deploy
    if deploy.staging.type == "realtime":
        kind = str(given.get("EndpointInstanceType", deploy.instance_type))
        count, why = deploy.instance_count, "staging, twice while it is updated"
        yield _Use(f"{kind} for {_ENDPOINT}", "", 2 * count, count, why)
    yield from _serverless(settings)
    production = deploy.production
    count, scaling = production.instance_count, production.autoscaling
    more = f" ({2 * scaling.max_instances} when scaled up)" if scaling.enabled else ""
    why = f"production, twice while it is updated{more}"
    yield _Use(f"{production.instance_type} for {_ENDPOINT}", "", 2 * count, 0, why)


def _serverless(settings: Settings) -> Iterator[_Use]:
    staging = settings.deploy.staging
    if staging.type != "serverless":
        return
    count, memory = staging.max_concurrency, staging_memory_mb(settings)
    why = "staging (deploy.staging.max_concurrency), and what others' serverless endpoints have"
    yield _Use(_CONCURRENCY, "", count, count, why)
    if memory > _EVERYBODYS_MEMORY_MB:
        yield _Use(_MEMORY, "", memory, memory, "staging, for its model")
