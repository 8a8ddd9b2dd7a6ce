"""A state with old runs, as the local service's documents have them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.local.engine.executions import Place
from pipeline.local.store import Store

NOW = datetime.now(UTC)
PLACE = Place()
IDS = [letter * 12 for letter in "abcdef"]


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
