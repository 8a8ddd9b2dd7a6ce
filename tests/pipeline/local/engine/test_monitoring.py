"""The monitoring pipeline's definition runs here as it stands, up to the model that it needs."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.engine.executions import Place
from pipeline.local.engine.scheduler import RunOptions, run_definition
from pipeline.local.service.server import running_service
from pipeline.local.store import Store
from pipeline.run.locally import CHAMPION_HANDLER
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings


@pytest.mark.xdist_group("sdk")
def test_where_nothing_is_approved_nothing_is_looked_at_and_that_is_no_failure(
    store: Store, monitoring_of: Callable[[Settings], dict[str, Any]]
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", ["monitor.enabled=true"])
    captured = store.path(f"{settings.capture_uri}/AllTraffic/2026/11/29/08/1.jsonl")
    captured.parent.mkdir(parents=True)
    captured.write_text("{}\n")
    place = (settings.aws.region, settings.aws.account_id)
    with running_service(store, 0, *place) as service:
        options = RunOptions(
            pipeline_name=settings.monitor_pipeline,
            place=Place(*place),
            lambda_handlers={settings.champion_lambda_name: CHAMPION_HANDLER},
            service=service.address,
        )
        result = run_definition(
            monitoring_of(settings),
            {},
            store,
            listener=lambda _steps: None,
            api=service.api,
            cancel=threading.Event(),
            options=options,
        )
    assert result.failure is None
    found = result.steps["FindChampion"].properties["OutputParameters"]
    assert (found["model_package_arn"], found["captured"]) == ("none", "true")
    states = {name: step.status for name, step in result.steps.items()}
    assert states == {
        "FindChampion": "Succeeded",
        "AnythingToSee": "Succeeded",
        "Monitor": "Skipped",
    }
