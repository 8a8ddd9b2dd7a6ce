"""Summarise how a local run ended, and what to do next: for people, and as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.command_line.documents import json_text, members_of
from pipeline.command_line.running import from_here
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, EXIT_SUCCEEDED
from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.store import Store
from pipeline.run.rule_summary import rules_line
from pipeline.run.run_profile import RunProfile
from pipeline.run.smoke_test import Asked
from pipeline.run.told import Told
from training_code.folders.layout import class_line

_EXIT_CODES = {"Succeeded": EXIT_SUCCEEDED, "Stopped": EXIT_STOPPED}


@dataclass(frozen=True)
class LocalOutcome:
    """The end of a run. What a failed run did not reach is None.

    `failure` may also be the endpoint's, of a run that succeeded. `made` says why the picture that
    it was asked about is none of the data, `not_asked` why nothing was asked, `stopped` what a late
    Ctrl-C cut short. `data` says which classes were read, `told` what the report found, `tracked`
    where MLflow has the run, or what of it is not there; `profile` where the time went, if asked.
    """

    execution: str
    status: str
    failure: str | None = None
    pictures: int | None = None
    refused: int | None = None
    data: str | None = None
    data_notes: tuple[str, ...] = ()
    accuracy: float | None = None
    test_pictures: int | None = None
    champion: str | None = None
    model: str | None = None
    rules: str | None = None
    model_package: str | None = None
    version: int | None = None
    approval_status: str | None = None
    endpoint: str | None = None
    made: str | None = None
    asked: Asked | None = None
    not_asked: str | None = None
    report: str | None = None
    tracked: str | None = None
    told: Told = field(default_factory=Told)
    stopped: str | None = None
    next_command: str | None = None
    profile: RunProfile | None = None

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0 succeeded, 1 failed, 3 stopped."""
        if self.failure:
            return EXIT_FAILED
        return EXIT_STOPPED if self.stopped else _EXIT_CODES.get(self.status, EXIT_FAILED)

    def to_json(self) -> str:
        """Format every member as JSON, one a line."""
        return json_text(members_of(self) | {"exit_code": self.exit_code})

    def summary(self) -> str:
        """Format what a person wants to know at the end of a run."""
        lines = [f"{self.status}: execution {self.execution}"]
        if self.failure:
            lines.append("the gate was not passed" if self.told.not_passed else self.failure)
        lines += [f"  {name:<14} {value}" for name, value in self._rows() if value]
        lines += self.profile.lines() if self.profile else ()
        if following := self.told.next_words() or self.next_command:
            lines.append(f"next: {following}")
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str | None]]:
        yield "data", self.data
        for note in self.data_notes:
            yield "", note
        if self.refused:
            yield "pictures", f"{self.pictures} used, {self.refused} refused: see the report"
        if self.accuracy is not None:
            yield "test accuracy", f"{self.accuracy:.1%} of {self.test_pictures} pictures"
        yield from self.told.rows()
        yield "champion", self.champion
        yield "model", self.model
        yield "rules", self.rules
        if self.model_package:
            yield "registered", f"version {self.version}, {self.approval_status}"
        yield "endpoint", self.endpoint
        yield "test picture", self.made
        yield "asked about", str(self.asked) if self.asked else None
        yield "not asked", self.not_asked
        yield "report", self.report
        yield "tracked", self.tracked
        if self.told.attempt and not self.told.not_passed:
            yield "to try", str(self.told.attempt).removeprefix("try: ")
        yield "stopped", self.stopped


def read_outcome(result: ExecutionResult, store: Store) -> LocalOutcome:
    """Read what the run made, as its steps left it; nothing is asked or waited for."""
    ended: dict[str, Any] = {"execution": result.execution_id, "status": result.status}
    properties = {
        name: step.properties for name, step in result.steps.items() if step.status == "Succeeded"
    }
    if "Prepare" in properties:
        ended |= _prepared(properties["Prepare"], store)
    if "Evaluate" in properties:
        ended |= _measured(properties["Evaluate"], store)
    if "Train" in properties:
        artifact = properties["Train"]["ModelArtifacts"]["S3ModelArtifacts"]
        ended["model"] = from_here(store.path(artifact))
        ended["rules"] = rules_line(properties["Train"], store)
    if "Register" in properties:
        package = properties["Register"]
        ended |= {
            "model_package": package["ModelPackageArn"],
            "version": package["ModelPackageVersion"],
            "approval_status": package["ModelApprovalStatus"],
        }
    if result.status == "Succeeded" and "Deploy" in properties:
        ended["endpoint"] = properties["Deploy"]["OutputParameters"]["endpoint_name"]
    failure = str(result.failure) if result.failure else None
    return LocalOutcome(**ended, failure=failure, next_command=_next(result))


def _prepared(prepare: Mapping[str, Any], store: Store) -> dict[str, Any]:
    info = json.loads((output_folder(prepare, "dataset", store) / "dataset.json").read_text())
    sizes = {split: sum(classes.values()) for split, classes in info["counts"].items()}
    return {
        "pictures": sum(sizes.values()),
        "refused": len(info["refused"]),
        "data": class_line(info["classes"], sizes),
        "data_notes": tuple(info["reading"]),
    }


def _measured(evaluate: Mapping[str, Any], store: Store) -> dict[str, Any]:
    evaluation = json.loads(
        (output_folder(evaluate, "evaluation", store) / "evaluation.json").read_text()
    )
    accuracy = evaluation["multiclass_classification_metrics"]["accuracy"]["value"]
    return {
        "accuracy": accuracy,
        "test_pictures": _count(evaluate, store),
        "champion": _champion(evaluation.get("champion")),
    }


def _champion(compared: Mapping[str, Any] | None) -> str | None:
    """Compare the new model with the approved one in words; None when that is not asked."""
    if compared is None:
        return None
    if not compared["compared"]:
        return f"not compared: {compared['reason']}"
    pairs = compared["paired"]
    version = compared["model_package_arn"].rpartition("model-package/")[2]
    return (
        f"{compared['accuracy']:.1%} ({version}): {100 * compared['difference']:+.1f} points; "
        f"only the new one right on {pairs['only_challenger_right']}, only the champion on "
        f"{pairs['only_champion_right']} (p = {pairs['mcnemar_p_value']:.2g})"
    )


def output_folder(step: Mapping[str, Any], name: str, store: Store) -> Path:
    """Return where the output of that name lies; `step` has a processing step's properties."""
    outputs = {
        output["OutputName"]: output["S3Output"]["S3Uri"]
        for output in step["ProcessingOutputConfig"]["Outputs"]
    }
    return store.path(outputs[name])


def _count(evaluate: Mapping[str, Any], store: Store) -> int:
    with (output_folder(evaluate, "evaluation", store) / "predictions.jsonl").open() as file:
        return sum(1 for _ in file)


def _gate_said_no(result: ExecutionResult) -> bool:
    step = result.steps.get("AccuracyTooLow")
    return step is not None and step.status == "Failed"


def _next(result: ExecutionResult) -> str | None:
    if result.status == "Succeeded":
        return None
    if _gate_said_no(result):
        return (
            "other settings or more pictures; the bar itself is --parameter "
            "AccuracyThreshold=… and ChampionTolerance=…, and gate.no_issues_from for rules"
        )
    again = "the same command again: the steps that finished come from the cache"
    return again if result.status == "Stopped" else f"mend what it says, then {again}"
