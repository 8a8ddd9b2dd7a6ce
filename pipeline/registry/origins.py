"""Find what versions were made with: the settings of their runs, as SageMaker still knows them."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.aws.errors import error_code, message_of
from pipeline.comparing.chosen import Chosen, read_chosen
from pipeline.comparing.differences import Difference, from_defaults
from pipeline.job_scripts.searched import trained_with
from pipeline.registry.versions import Version

_GONE = ("ResourceNotFound", "ValidationException", "ValidationError")


@dataclass(frozen=True)
class Made:
    """A version and what it was made with; None where its run is gone, or older than this."""

    version: Version
    chosen: Chosen | None = None
    differs: tuple[Difference, ...] | None = None


@dataclass(frozen=True)
class Origins:
    """A reader of what versions were made with, by SageMaker's API.

    `defaults`: what a run is compared with, None when that is not known. What may not be read is
    said once, in `said`, and is as unknown as what is gone.
    """

    client: Any
    defaults: Chosen | None = None
    said: set[str] = field(default_factory=set)

    def made(self, version: Version, *, tuned: bool = True) -> Made:
        """Return what a version was made with; `tuned`: with the values that the tuner chose."""
        chosen = self._chosen(version, tuned)
        if chosen is None or self.defaults is None:
            return Made(version, chosen)
        return Made(version, chosen, from_defaults(chosen, self.defaults))

    def definition(self, version: Version) -> tuple[str, dict[str, Any]] | None:
        """Return a version's run, by its ARN, and its definition; None where it is gone."""
        place = version.arn.partition(":model-package/")[0]
        for name in self._pipelines(version) if version.run else ():
            arn = f"{place}:pipeline/{name}/execution/{version.run}"
            describe = self.client.describe_pipeline_definition_for_execution
            if answer := self.ask(describe, PipelineExecutionArn=arn):
                return arn, json.loads(answer["PipelineDefinition"])
        return None

    def _chosen(self, version: Version, tuned: bool) -> Chosen | None:
        made = self.definition(version)
        if made is None:
            return None
        arn, definition = made
        trained = self._trained(version) if tuned else {}
        found = read_chosen(definition, self._parameters(arn), trained)
        return found if found.values else None

    def _pipelines(self, version: Version) -> Iterator[str]:
        """Yield the pipelines there are, first the one that a group is named after by default."""
        yield version.group
        answer = self.ask(self.client.get_paginator("list_pipelines").paginate().build_full_result)
        names = (one["PipelineName"] for one in answer.get("PipelineSummaries", []))
        yield from (name for name in names if name != version.group)

    def _parameters(self, arn: str) -> dict[str, str]:
        pages = self.client.get_paginator("list_pipeline_parameters_for_execution")
        answer = self.ask(pages.paginate(PipelineExecutionArn=arn).build_full_result)
        return {one["Name"]: one["Value"] for one in answer.get("PipelineParameters", [])}

    def _trained(self, version: Version) -> Mapping[str, str]:
        job = version.metadata.get("TrainingJob")
        if not job:
            return {}
        answer = self.ask(self.client.describe_training_job, TrainingJobName=job)
        return trained_with(answer)

    def ask(self, call: Callable[..., Mapping[str, Any]], **asked: str) -> Mapping[str, Any]:
        """Return the answer; {} where there is none, and where these credentials get none."""
        from botocore.exceptions import ClientError

        try:
            return call(**asked)
        except ClientError as error:
            problem = f"{error.operation_name}: {message_of(error)}"
            if error_code(error) not in _GONE and error.operation_name not in self.said:
                self.said.add(error.operation_name)
                print(f"warning: some settings are not known: {problem}", file=sys.stderr)
            return {}
