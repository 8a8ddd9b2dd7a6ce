"""Old runs go with all they made; what a version, an endpoint or a newer run needs stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.local.engine.executions import Place
from pipeline.local.engine.recovery import lock_held
from pipeline.local.pruning.removal import finish_pruning, plan_prune, prune
from pipeline.local.store import Store

NOW = datetime.now(UTC)
PLACE = Place()
IDS = [f"{letter * 12}" for letter in "abcdef"]
State = Callable[..., None]


class Runs:
    """A state with a run for each call of `add`, the oldest first, one a day."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0

    def add(
        self,
        uses: str = "",
        approval: str = "",
        status: str = "Succeeded",
        pipeline: str = "dogs",
    ) -> str:
        """Add a run that took a step of `uses` from the cache and registered a version."""
        identity = IDS[self.count]
        self.count += 1
        arn = f"{PLACE.arn('pipeline', pipeline)}/execution/{identity}"
        made = NOW - timedelta(days=len(IDS) - self.count)
        execution = {
            "PipelineArn": PLACE.arn("pipeline", pipeline),
            "PipelineExecutionArn": arn,
            "PipelineExecutionStatus": status,
            "CreationTime": made,
            "LastModifiedTime": made,
        }
        self.store.put("PipelineExecution", identity, execution, arn)
        job = f"pipelines-{uses or identity}-Train"
        step = {"PipelineExecutionArn": arn, "StepName": "Train", "StepStatus": "Succeeded"}
        step["Metadata"] = {"TrainingJob": {"Arn": PLACE.arn("training-job", job)}}
        self.store.put("PipelineExecutionStep", f"{identity}/Train", step)
        if not uses:
            named = {"TrainingJobName": job, "TrainingJobArn": PLACE.arn("training-job", job)}
            self.store.put("TrainingJob", job, named | {"TrainingJobStatus": "Completed"})
            cached = {
                "SourcePipelineExecutionArn": arn,
                "Properties": {},
                "Metadata": {},
                "Metric": None,
                "Files": {},
                "Outputs": [],
                "CreationTime": made,
            }
            self.store.put("StepCache", f"{pipeline}/Train/{identity}", cached)
        for folder in (f"runs/{identity}/Train", f"s3/b/runs/{identity}/Train"):
            (self.store.root / folder).mkdir(parents=True)
            (self.store.root / folder / "file").write_bytes(bytes(10_000))
        if approval:
            self._register(uses or identity, identity, approval)
        return identity

    def _register(self, trained: str, registered: str, approval: str) -> None:
        version = self.count
        arn = PLACE.arn("model-package", f"dogs/{version}")
        package = {
            "ModelPackageArn": arn,
            "ModelPackageGroupName": "dogs",
            "ModelPackageVersion": version,
            "ModelApprovalStatus": approval,
            "InferenceSpecification": {
                "Containers": [{"ModelDataUrl": f"s3://b/runs/{trained}/Train/model.tar.gz"}]
            },
            "CustomerMetadataProperties": {"Report": f"s3://b/runs/{registered}/report.html"},
        }
        self.store.put("ModelPackage", f"dogs/{version}", package, arn)
        self._deploy(version, arn)

    def _deploy(self, version: int, package: str) -> None:
        """Bring the version to the staging endpoint, as every run does."""
        made = NOW - timedelta(days=len(IDS) - version)
        names = {"Model": f"model-{version}", "EndpointConfig": f"config-{version}"}
        for kind, resource in (("Model", "model"), ("EndpointConfig", "endpoint-config")):
            arn = PLACE.arn(resource, names[kind])
            document: dict[str, Any] = {
                f"{kind}Name": names[kind],
                f"{kind}Arn": arn,
                "CreationTime": made,
            }
            if kind == "Model":
                url = f"s3://b/models/dogs/{version}-1/model.tar.gz"
                document["PrimaryContainer"] = {"ModelDataUrl": url}
                self.store.path(url).parent.mkdir(parents=True)
            self.store.put(kind, names[kind], document, arn)
            tags = {"model-package-arn": package, "endpoint": "staging"}
            listed = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.store.put("Tags", arn, {"Tags": listed}, arn)
        endpoint = {
            "EndpointName": "staging",
            "EndpointArn": PLACE.arn("endpoint", "staging"),
            "EndpointStatus": "InService",
            "EndpointConfigName": names["EndpointConfig"],
        }
        self.store.put("Endpoint", "staging", endpoint, endpoint["EndpointArn"])

    def left(self) -> list[str]:
        """The runs that are there still: in the state, and both their folders."""
        found = [run["PipelineExecutionArn"][-12:] for run in self.store.list("PipelineExecution")]
        for place in (self.store.root / "runs", self.store.root / "s3" / "b" / "runs"):
            assert sorted(path.name for path in place.iterdir()) == sorted(found)
        return [identity[0] for identity in found]


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
