"""Record a run: its execution and its steps, in the shapes of Describe and List."""

import json
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.definition.expressions import text
from pipeline.definition.graph import Step
from pipeline.definition.selection import Selection
from pipeline.local.failures import MAXIMUM_REASON
from pipeline.local.journal import keep_run
from pipeline.local.store import Document, Store

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Place:
    """The region and account that ARNs name. Nothing is ever asked there."""

    region: str = "us-east-1"
    account: str = "111122223333"

    def arn(self, resource: str, name: str) -> str:
        """Return the ARN of a resource."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}/{name}"


class Execution:
    """A run of a pipeline and its documents.

    A step's document has the members of ListPipelineExecutionSteps, and PipelineExecutionArn to
    find it by.
    """

    def __init__(
        self,
        pipeline: str,
        definition: Mapping[str, Any],
        store: Store,
        place: Place,
        selection: Selection | None = None,
    ) -> None:
        self.id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        self.pipeline = pipeline
        self.place = place
        self.definition = definition
        self.selection = selection
        self.started = datetime.now(UTC)
        self.attempts: dict[str, int] = {}
        self._store = store

    @classmethod
    def recorded(cls, store: Store, document: Document) -> "Execution":
        """Return an execution that was begun before, by its document."""
        *_, region, account, resource = document["PipelineArn"].split(":")
        definition = json.loads(document["PipelineDefinition"])
        place = Place(region, account)
        known = cls(resource.partition("/")[2], definition, store, place, selection_of(document))
        known.id = document["PipelineExecutionArn"].rpartition("/")[2]
        known.started = document["CreationTime"]
        return known

    @property
    def pipeline_arn(self) -> str:
        """The ARN of its pipeline."""
        return self.place.arn("pipeline", self.pipeline)

    @property
    def arn(self) -> str:
        """Its own ARN."""
        return f"{self.pipeline_arn}/execution/{self.id}"

    @property
    def folder(self) -> Path:
        """The folder of the steps' own folders and logs."""
        return self._store.root / "runs" / self.id

    def variables(self) -> dict[str, str]:
        """Return the variables that Get Execution.* reads."""
        return {
            "PipelineName": self.pipeline,
            "PipelineArn": self.pipeline_arn,
            "PipelineExecutionId": self.id,
            "PipelineExecutionArn": self.arn,
            "StartDateTime": _iso(self.started),
            "CurrentDateTime": _iso(datetime.now(UTC)),
        }

    def begin(self, parameters: Mapping[str, Any]) -> None:
        """Record the pipeline, as it is now, and that this execution began."""
        written = json.dumps(self.definition)
        role = f"arn:aws:iam::{self.place.account}:role/local"
        pipeline = {
            "RoleArn": role,
            "CreationTime": self.started,
            **(self._store.get("Pipeline", self.pipeline) or {}),
            "PipelineArn": self.pipeline_arn,
            "PipelineName": self.pipeline,
            "PipelineDisplayName": self.pipeline,
            "PipelineDefinition": written,
            "PipelineStatus": "Active",
            "LastModifiedTime": self.started,
            "LastRunTime": self.started,
        }
        with self._store.transaction():
            self._store.put("Pipeline", self.pipeline, pipeline, arn=self.pipeline_arn)
            self.record(parameters, {})

    def record(self, parameters: Mapping[str, Any], members: Document) -> None:
        """Record that this execution began; `members` are more of its document's."""
        named = [{"Name": name, "Value": text(value)} for name, value in parameters.items()]
        # Bookkeeping beside the Describe shape: what was run, and with what.
        own: Document = {
            "PipelineDefinition": json.dumps(self.definition),
            "PipelineParameters": named,
        }
        if self.selection:
            own["SelectiveExecutionConfig"] = self.selection.to_request()
        self._save(own | members, "Executing")

    def begin_again(self) -> None:
        """Record that this execution goes on, and forget how it ended."""
        known = self._store.get("PipelineExecution", self.id) or {}
        self._save({k: v for k, v in known.items() if k != "FailureReason"}, "Executing")

    def end(self, status: str, reason: str | None) -> None:
        """Record how this execution ended."""
        known = self._store.get("PipelineExecution", self.id) or {}
        self._save(known | ({"FailureReason": reason[:MAXIMUM_REASON]} if reason else {}), status)
        with suppress(OSError):  # a full disk: the state itself has them
            keep_run(self.folder, self._store.rows)

    def step(self, step: Step, members: Mapping[str, Any]) -> None:
        """Record the state of one step; members add to what is known of it."""
        name = f"{self.id}/{step.name}"
        known = self._store.get("PipelineExecutionStep", name) or {
            "PipelineExecutionArn": self.arn,
            "StepName": step.name,
            "StepType": step.type,
            "AttemptCount": self.attempts.get(step.name, 1),
            **_described(step),
        }
        arn = f"{self.arn}/step/{step.name}"
        self._store.put("PipelineExecutionStep", name, known | dict(members), arn=arn)

    def _save(self, members: Document, status: str) -> None:
        body: Document = {"PipelineExecutionDisplayName": f"local-{self.id}"} | members
        body |= {
            "PipelineArn": self.pipeline_arn,
            "PipelineExecutionArn": self.arn,
            "PipelineExecutionStatus": status,
            "CreationTime": self.started,
            "LastModifiedTime": datetime.now(UTC),
        }
        self._store.put("PipelineExecution", self.id, body, arn=self.arn)


def selection_of(document: Document) -> Selection | None:
    """Read the selection of an execution's document or of a request to start one."""
    config = document.get("SelectiveExecutionConfig")
    if config is None:
        return None
    steps = dict.fromkeys(one["StepName"] for one in config["SelectedSteps"])
    return Selection(tuple(steps), config.get("SourcePipelineExecutionArn"))


def _described(step: Step) -> Document:
    members = {"StepDisplayName": "DisplayName", "StepDescription": "Description"}
    return {k: step.definition[v] for k, v in members.items() if step.definition.get(v)}


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
