"""What all types of steps share: names, and that nothing begins once a run is being stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.definition.expressions import Scope
from pipeline.definition.graph import Step
from pipeline.local.engine.executions import Execution, Place
from pipeline.local.engine.handlers import StepContext, name_of, run_step
from pipeline.local.failures import StepStopped
from pipeline.local.jobs.containers import Background
from pipeline.local.processes.command import start_process
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import BUCKET, ROLE, Json, Lab

LAMBDA = "arn:aws:lambda:us-east-1:111122223333:function:deploy"


@pytest.fixture
def execution(store: Store) -> Execution:
    return Execution("dogs", {}, store, Place())


@pytest.mark.parametrize(
    ("type_", "limit"), [("Processing", 63), ("Training", 63), ("Model", 63), ("Tuning", 32)]
)
def test_a_name_is_a_runs_own_and_short_enough(
    execution: Execution, store: Store, type_: str, limit: int
) -> None:
    step = Step("a-step-whose-name-is-long" * 3, type_, {}, None, frozenset())
    name = name_of(step, execution)
    assert execution.id in name
    assert len(name) == limit
    assert name_of(step, Execution("dogs", {}, store, Place())) != name


def test_a_job_can_be_told_its_own_name(store: Store) -> None:
    lab = Lab(store)
    given = {"Get": "Execution.ProcessingJobName"}
    lab.run(lab.processing("A", "", environment={"NAME": given}))
    (job,) = store.list("ProcessingJob")
    assert job["Environment"] == {"NAME": job["ProcessingJobName"]}


@pytest.fixture
def stopping(execution: Execution, store: Store, tmp_path: Path) -> StepContext:
    """A run that is being stopped."""
    (tmp_path / "deploy.py").write_text("def handler(event, context): return {}")
    ignore: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    return StepContext(
        execution=execution,
        store=store,
        api=LocalApi(store),
        scope=Scope(),
        start=start_process,
        cores=1,
        grace_s=1.0,
        lambda_handlers={"deploy": tmp_path / "deploy.py"},
        lambda_variables={},
        service=None,
        should_stop=lambda: True,
        background=Background(lambda work: None, lambda: False),
        no_own_opt_ml="",
        report=ignore,
        record=ignore,
    )


CONTAINER = {"Image": "image:1", "ModelDataUrl": f"{BUCKET}/model.tar.gz"}


@pytest.mark.parametrize(
    ("definition", "arguments"),
    [
        ({"Type": "Lambda", "FunctionArn": LAMBDA}, {}),
        ({"Type": "RegisterModel"}, {"ModelPackageGroupName": "dogs"}),
        (
            {"Type": "Model"},
            {"ModelName": "dogs", "ExecutionRoleArn": ROLE, "PrimaryContainer": CONTAINER},
        ),
    ],
    ids=lambda given: given.get("Type"),
)
def test_nothing_is_changed_once_a_run_is_being_stopped(
    stopping: StepContext, definition: Json, arguments: Json
) -> None:
    step = Step("A", definition["Type"], definition, None, frozenset())
    with pytest.raises(StepStopped):
        run_step(step, arguments, stopping)
    assert not stopping.execution.folder.exists()
    for kind in ("ModelPackageGroup", "ModelPackage", "Model"):
        assert not stopping.store.list(kind)
