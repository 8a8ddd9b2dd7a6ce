"""Old runs go with all they made; what a version, an endpoint or a newer run needs stays."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.local.engine.recovery import lock_held
from pipeline.local.pruning.removal import finish_pruning, plan_prune, prune
from pipeline.local.store import Store
from tests.pipeline.local.pruning.pruning_support import IDS, PLACE, Runs


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store)


def test_the_newest_of_each_pipeline_stay_and_all_of_the_others_goes(
    runs: Runs, store: Store
) -> None:
    for pipeline in ("dogs", "cats", "dogs", "dogs"):
        runs.add(pipeline=pipeline)
    planned = plan_prune(store, keep=2)
    assert runs.left() == ["a", "b", "c", "d"]
    pruned = prune(store, keep=2)
    assert pruned == planned
    assert [run.id[0] for run in pruned.plan.removed] == ["a"]
    assert pruned.freed[IDS[0]] >= 20_000
    assert runs.left() == ["b", "c", "d"]
    for kind in ("PipelineExecutionStep", "TrainingJob", "StepCache"):
        assert len(store.list(kind)) == 3, kind


@pytest.mark.parametrize(
    ("added", "left"),
    [
        ([{}, {}, {}], "c"),
        ([{}, {}, {"uses": IDS[0]}], "ac"),
        ([{}, {"uses": IDS[0]}, {"uses": IDS[1]}, {}], "d"),
        ([{}, {"uses": IDS[0]}, {"uses": IDS[0]}], "ac"),
        ([{"approval": "Approved"}, {}, {}], "ac"),
        ([{}, {"uses": IDS[0], "approval": "Approved"}, {}, {}], "abd"),
        # the last two versions are in staging, and what it would go back to
        ([{"approval": "PendingManualApproval"}] * 4 + [{}], "cde"),
        ([{"approval": "Rejected"}] * 4 + [{}], "de"),
        ([{"approval": "Approved"}, *[{"approval": "PendingManualApproval"}] * 3, {}], "acde"),
        ([{"status": "Failed"}, {"status": "Stopped"}, {}], "c"),
    ],
)
def test_what_is_needed_stays(runs: Runs, store: Store, added: list[Any], left: str) -> None:
    for one in added:
        runs.add(**one)
    prune(store, keep=1)
    assert runs.left() == list(left)


@pytest.mark.parametrize("when", ["2026-11-20T09:00:00.123456+00:00", "2026-11-20", "yesterday"])
def test_of_decisions_of_one_moment_the_earlier_versions_is_the_one_before(
    runs: Runs, store: Store, when: str
) -> None:
    """Of one that somebody wrote by hand, too."""
    for _ in range(4):
        runs.add(approval="PendingManualApproval")
    runs.add()
    for config in store.list("EndpointConfig"):
        tags = store.get("Tags", config["EndpointConfigArn"]) or {}
        tags["Tags"].append({"Key": "stands-for", "Value": when})
        store.put("Tags", config["EndpointConfigArn"], tags, config["EndpointConfigArn"])
    prune(store, keep=1)
    assert runs.left() == list("cde")


def test_versions_go_with_their_runs(runs: Runs, store: Store) -> None:
    for approval in ("PendingManualApproval", "Rejected", "Approved", "Approved"):
        runs.add(approval=approval)
    runs.add()
    pruned = prune(store, keep=1)
    gone = {title: status for run in pruned.plan.removed for title, status in run.versions.items()}
    assert gone == {"dogs/1": "PendingManualApproval", "dogs/2": "Rejected"}
    for kind in ("ModelPackage", "Model", "EndpointConfig"):
        assert len(store.list(kind)) == 2, kind
    assert len(list((store.root / "s3" / "b" / "models" / "dogs").iterdir())) == 2
    assert len(store.list("Tags")) == 4


def test_an_age_is_a_second_condition(runs: Runs, store: Store) -> None:
    for _ in IDS:
        runs.add()
    prune(store, keep=1, older_than=timedelta(days=3, hours=12))
    assert runs.left() == ["c", "d", "e", "f"]


def test_nothing_is_removed_beside_a_run_at_work(runs: Runs, store: Store) -> None:
    runs.add()
    runs.add()
    identity = runs.add(status="Executing")
    with lock_held(store.root / "runs" / identity), pytest.raises(UsageError, match=identity):
        prune(store, keep=1)
    assert runs.left() == ["a", "b", "c"]
    prune(store, keep=1)  # it died
    assert runs.left() == ["c"]


def test_a_models_own_resource_keeps_its_run(runs: Runs, store: Store) -> None:
    identity = runs.add()
    runs.add()
    model = {
        "ModelName": "mine",
        "ModelArn": PLACE.arn("model", "mine"),
        "PrimaryContainer": {"ModelDataUrl": f"s3://b/runs/{identity}/Train/model.tar.gz"},
    }
    store.put("Model", "mine", model, model["ModelArn"])  # type: ignore[arg-type]
    pruned = prune(store, keep=1)
    assert pruned.plan.needed == {identity: "model mine was made of it"}
    assert runs.left() == ["a", "b"]


def test_a_prune_that_was_killed_is_finished(
    runs: Runs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add()
    runs.add()

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.local.pruning.removal.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prune(store, keep=1)
    assert finish_pruning(store).keys() == {IDS[0]}
    assert runs.left() == ["b"]
    assert finish_pruning(store) == {}
