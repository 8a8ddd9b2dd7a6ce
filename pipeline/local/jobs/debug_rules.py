"""Evaluate a training's debugger rules on this machine beside it, as SageMaker would.

AWS's rule images are not run: RuleParameters.rule_to_invoke names the rule of ours, which has
AWS's name, parameters and defaults. Of a rule's actions, StopTraining is done.
"""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.local.jobs.containers import Job, job_environment, log_tail
from pipeline.local.processes.command import Command, Ending, StartError, run_to_end
from pipeline.local.store import Document

_PROCESS = Path(__file__).with_name("rule_process.py")
_LINE = "outcome "
_NOT_PARAMETERS = ("rule_to_invoke", "source_s3_uri", "action_json")
_HEAD_START_S = 5.0  # short trainings are judged after their end: they need the cores themselves
_FIRED = "RuleEvaluationConditionMet"
_PREFIX_LENGTH = 20


@dataclass(frozen=True)
class RuleConfiguration:
    """A debugger rule to evaluate. `stops`: prefixes of the jobs that it ends when it fires."""

    name: str
    rule: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()


def read_configurations(request: Mapping[str, Any]) -> list[RuleConfiguration]:
    """Read the debugger rules of a CreateTrainingJob request."""
    found = []
    for item in request.get("DebugRuleConfigurations") or []:
        given = item.get("RuleParameters") or {}
        own = {name: value for name, value in given.items() if name not in _NOT_PARAMETERS}
        name = item["RuleConfigurationName"]
        stops = _stop_prefixes(given.get("action_json", ""))
        found.append(RuleConfiguration(name, given.get("rule_to_invoke", name), own, stops))
    return found


class RuleWatch:
    """The debugger rules of one training job and their DebugRuleEvaluationStatuses.

    `follow` is for a thread of its own: it returns when every rule has come to its end.
    `on_change` hears the statuses from that thread.
    """

    def __init__(
        self,
        configurations: list[RuleConfiguration],
        tensors: Path,
        job: Job,
        on_change: Callable[[list[Document]], None],
    ) -> None:
        self.stopped_by: RuleConfiguration | None = None
        self._configurations = {each.name: each for each in configurations}
        self._tensors = tensors
        self._job = job
        self._on_change = on_change
        self._ended = threading.Event()
        self._marker = job.work / "training_ended"
        self._statuses = {each.name: self._first(each) for each in configurations}

    def statuses(self) -> list[Document]:
        """Return DebugRuleEvaluationStatuses as of now."""
        return [dict(status) for status in self._statuses.values()]

    def details(self, name: str) -> str:
        """Return why a rule has its status."""
        return str(self._statuses[name].get("StatusDetails", ""))

    def training_ended(self, stopped: bool) -> None:
        """Tell the rules that no tensors come any more."""
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        partial = self._marker.with_suffix(".part")
        partial.write_text("stopped" if stopped else "ended")
        partial.replace(self._marker)
        self._ended.set()

    def follow(self) -> None:
        """Evaluate the rules on the tensors as they are saved."""
        try:
            self._ended.wait(_HEAD_START_S)
            ending = self._evaluate()
            if ending.cause != "exited":
                self._close("Stopped", "the run was stopped")
            else:
                tail = log_tail(self._log) or ["it printed nothing"]
                why = f"its process ended with exit code {ending.code}: {tail[-1].strip()}"
                self._close("Error", f"InternalServerError: {why}")
        except (OSError, StartError) as error:
            self._close("Error", f"InternalServerError: it could not be evaluated: {error}")
        finally:
            self._ended.wait()
            self._marker.unlink(missing_ok=True)
            shutil.rmtree(self._job.work / "rules", ignore_errors=True)
            self._job.store.close()

    @property
    def _log(self) -> Path:
        return self._job.work / "rules.txt"

    def _evaluate(self) -> Ending:
        job = self._job
        job.work.mkdir(parents=True, exist_ok=True)
        rules = [[c.name, c.rule, dict(c.parameters)] for c in self._configurations.values()]
        arguments = (str(self._tensors), json.dumps(rules), str(self._marker))
        home = job.work / "rules"
        # As many cores as the training had: it is forked from the same process then.
        with job_environment(home, job.cores, job.region) as environment:
            command = Command(
                argv=(sys.executable, str(_PROCESS), *arguments),
                cwd=home,
                environment=environment,
                log=self._log,
            )
            return run_to_end(
                command,
                job.start,
                self._on_line,
                job.background.cancelled,
                limit_s=float("inf"),
                grace_s=0.0,
            )

    def _on_line(self, line: str) -> None:
        if not line.startswith(_LINE):
            return
        told = json.loads(line.removeprefix(_LINE))
        fired = told["status"] == "IssuesFound"
        details = f"{_FIRED}: {told['message']}" if fired else told["message"]
        self._change(told["key"], told["status"], details)
        configuration = self._configurations[told["key"]]
        if fired and not self._ended.is_set() and _stops(configuration, self._job.name):
            self.stopped_by = self.stopped_by or configuration
        self._on_change(self.statuses())

    def _change(self, name: str, status: str, details: str) -> None:
        self._statuses[name] |= {
            "RuleEvaluationStatus": status,
            "StatusDetails": details[:1024],
            "LastModifiedTime": datetime.now(UTC),
        }

    def _close(self, status: str, details: str) -> None:
        """Give this status to the rules that are still in progress."""
        left = [
            name
            for name, known in self._statuses.items()
            if known["RuleEvaluationStatus"] == "InProgress"
        ]
        for name in left:
            self._change(name, status, details)
        if left:
            self._on_change(self.statuses())

    def _first(self, configuration: RuleConfiguration) -> Document:
        job, rule = self._job.name, configuration.name
        digest = sha256(f"{job} {rule}".encode()).hexdigest()[:8]
        name = f"{job[:_PREFIX_LENGTH]}-{rule[:_PREFIX_LENGTH]}-{digest}".lower()
        return {
            "RuleConfigurationName": rule,
            "RuleEvaluationJobArn": self._job.arn("processing-job", name),
            "RuleEvaluationStatus": "InProgress",
            "LastModifiedTime": datetime.now(UTC),
        }


def _stops(configuration: RuleConfiguration, job: str) -> bool:
    return any(job.startswith(prefix) for prefix in configuration.stops)


def _stop_prefixes(actions: str) -> tuple[str, ...]:
    """Read the job name prefixes of StopTraining actions, as smdebug's Actions reads them."""
    try:
        listed = json.loads(actions.lower() or "[]")
    except ValueError:
        return ()
    listed = listed if isinstance(listed, list) else [listed]
    wanted = [each for each in listed if isinstance(each, dict)]
    stops = [each for each in wanted if each.get("name") == "stoptraining"]
    return tuple(
        str(each["training_job_prefix"]) for each in stops if "training_job_prefix" in each
    )
