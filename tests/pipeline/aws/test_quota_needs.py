"""What the settings need of AWS's quotas: what runs side by side is summed, what in turns not."""

import pytest

from pipeline.aws.quota_needs import quota_needs
from tests.pipeline.aws.aws_support import settings_for

PROCESSING = "ml.m5.2xlarge for processing job usage"
TRAINING = "ml.m5.2xlarge for training job usage"
TRIALS = "ml.m5.xlarge for training job usage"
REALTIME = "deploy.staging.type=realtime"
ENDPOINTS = "ml.m5.large for endpoint usage"
SERVERLESS = "Maximum total concurrency that can be allocated across all serverless endpoints"
MEMORY = "Memory size in MB per serverless endpoint"


def counts(*overrides: str, **given: str | int) -> dict[str, tuple[int, int]]:
    return {
        one.quota: (one.count, one.least) for one in quota_needs(settings_for(*overrides), given)
    }


def test_the_settings_as_they_are() -> None:
    # 2 in production, each twice while it is updated; no run needs them
    assert counts() == {
        PROCESSING: (1, 1),
        TRIALS: (3, 1),
        TRAINING: (1, 1),
        ENDPOINTS: (4, 0),
        SERVERLESS: (5, 5),
    }


@pytest.mark.parametrize(
    ("overrides", "quota", "needed"),
    [
        (["tuning.max_parallel_jobs=5"], TRIALS, (5, 1)),
        (["instances.tuning.type=ml.m5.2xlarge"], TRAINING, (3, 1)),  # Train comes after Tune
        (["instances.training.count=4", "training.fine_tune_blocks=1"], TRAINING, (4, 4)),
        (["gate.no_issues_from=[Overfit]"], PROCESSING, (2, 1)),  # CheckTensors beside Evaluate
        (  # without it Train runs, and its machine is not kept
            ["instances.training.keep_alive_minutes=20"],
            "ml.m5.2xlarge for training warm pool usage",
            (1, 0),
        ),
        (["monitor.enabled=true"], "ml.m5.large for processing job usage", (1, 0)),
        (
            ["monitor={enabled: true, instance_type: ml.m5.2xlarge}"],
            PROCESSING,
            (2, 1),
        ),
        (
            [REALTIME, "deploy.production.instance_type=ml.g5.xlarge"],
            "ml.g5.xlarge for endpoint usage",
            (4, 0),
        ),
        ([REALTIME, "deploy.production.instance_type=ml.g5.xlarge"], ENDPOINTS, (2, 1)),
        ([REALTIME], ENDPOINTS, (6, 1)),
        (["deploy.staging.max_concurrency=20"], SERVERLESS, (20, 20)),
        (["deploy.staging.memory_mb=6144"], MEMORY, (6144, 6144)),
    ],
)
def test_what_a_setting_needs(overrides: list[str], quota: str, needed: tuple[int, int]) -> None:
    assert counts(*overrides)[quota] == needed


@pytest.mark.parametrize("kind", ["realtime", "none"])
def test_without_a_serverless_endpoint_its_quotas_are_not_asked(kind: str) -> None:
    assert not {SERVERLESS, MEMORY} & counts(f"deploy.staging.type={kind}").keys()


def test_a_memory_that_every_account_has_is_not_asked() -> None:
    assert MEMORY not in counts("deploy.staging.memory_mb=3072")


def test_a_runs_own_parameters_count() -> None:
    found = counts(
        REALTIME,
        ProcessingInstanceType="ml.c5.large",
        TrainingInstanceType="ml.g5.xlarge",
        EndpointInstanceType="ml.c6i.large",
        TuningMaxParallelJobs="2",
    )
    assert found == {
        "ml.c5.large for processing job usage": (1, 1),
        TRIALS: (2, 1),
        "ml.g5.xlarge for training job usage": (1, 1),
        "ml.c6i.large for endpoint usage": (2, 1),
        ENDPOINTS: (4, 0),
    }


def test_what_it_is_for_is_said() -> None:
    why = {one.quota: one.why for one in quota_needs(settings_for(REALTIME))}
    assert why[TRIALS] == "Tune, 3 trials at a time"
    assert why[ENDPOINTS] == (
        "staging, twice while it is updated, production, twice while it is updated "
        "(8 when scaled up)"
    )
