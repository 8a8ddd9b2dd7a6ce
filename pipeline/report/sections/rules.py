"""Read the results of the debugger's rules, from SageMaker or from the job's own output."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.report.section import Section
from pipeline.report.sources.facts import Description
from pipeline.report.sources.source import Absent
from pipeline.report.sources.training_output import read_json

RULES_FILE = "debug/rules.json"
_STEP = re.compile(r"\bat step (\d+)\b")
_TENSOR = re.compile(r"^(?:[A-Za-z]+: )?(\S*[./_]\S*) ")
_OWN = ("rule_to_invoke", "source_s3_uri", "action_json")


@dataclass(frozen=True)
class Rule:
    """A debugger rule's result.

    `status`: NoIssuesFound, IssuesFound, Error, Stopped, InProgress.
    """

    name: str
    status: str
    step: int | None = None
    tensor: str | None = None
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """The results of all debugger rules of the training.

    `stopped_by`: the rule that stopped it. `lost`: why saving tensors ended early. `unmatched`:
    collections that no tensor belongs to.
    """

    rules: tuple[Rule, ...]
    stopped_by: str | None = None
    lost: str | None = None
    unmatched: tuple[str, ...] = ()


def read_rules(job: Description, output: Path | None) -> Rules:
    """Read a training job's rules: the service's, else its own. Raises Absent when it had none."""
    if job.get("DebugRuleConfigurations"):
        return replace(_of_service(job), lost=_lost(job, output))
    return rules_in(read_json(job, output, RULES_FILE, "no rules ran in it (debugger.mode)"))


def rules_in(content: Mapping[str, Any]) -> Rules:
    """Read the results that a job's own rules left in RULES_FILE."""
    rules = tuple(_embedded(item) for item in content.get("rules", []))
    unmatched = tuple(map(str, content.get("unmatched") or ()))
    return Rules(rules, content.get("stopped_by"), content.get("lost"), unmatched)


def _lost(job: Description, output: Path | None) -> str | None:
    """Return why saving tensors ended early, which only the job writes down; None if it did not."""
    try:
        return read_json(job, output, RULES_FILE, "").get("lost")
    except Absent:
        return None


def _embedded(item: Mapping[str, Any]) -> Rule:
    return Rule(
        name=str(item["name"]),
        status=str(item["status"]),
        step=item.get("step"),
        tensor=item.get("tensor"),
        message=str(item.get("message", "")),
        parameters={name: str(value) for name, value in (item.get("parameters") or {}).items()},
    )


def _of_service(job: Description) -> Rules:
    given = {
        config["RuleConfigurationName"]: _parameters(config)
        for config in job["DebugRuleConfigurations"]
    }
    statuses: Sequence[Description] = job.get("DebugRuleEvaluationStatuses") or []
    if not statuses:
        raise Absent(f"{len(given)} rules were asked for ({', '.join(given)}), and not evaluated")
    rules = tuple(_status(item, given) for item in statuses)
    return Rules(rules, _stopped_by(job, rules))


def _stopped_by(job: Description, rules: Sequence[Rule]) -> str | None:
    """Return the rule whose StopTraining action ended the job; the service does not say which."""
    stopping = {
        config["RuleConfigurationName"]
        for config in job["DebugRuleConfigurations"]
        if "stoptraining" in _action(config)
    }
    fired = [rule.name for rule in rules if rule.status == "IssuesFound" and rule.name in stopping]
    return fired[0] if fired and job.get("TrainingJobStatus") == "Stopped" else None


def _action(config: Description) -> str:
    return str((config.get("RuleParameters") or {}).get("action_json", "")).lower()


def _status(item: Description, given: Mapping[str, Mapping[str, str]]) -> Rule:
    name, text = str(item["RuleConfigurationName"]), str(item.get("StatusDetails") or "")
    fired = item["RuleEvaluationStatus"] == "IssuesFound"
    step = _STEP.search(text) if fired else None
    tensor = _TENSOR.match(text) if fired else None
    return Rule(
        name=name,
        status=item["RuleEvaluationStatus"],
        step=int(step[1]) if step else None,
        tensor=tensor[1] if tensor else None,
        message=text,
        parameters=given.get(name, {}),
    )


def _parameters(config: Description) -> dict[str, str]:
    given = config.get("RuleParameters") or {}
    return {name: value for name, value in given.items() if name not in _OWN}


SECTION = Section(
    name="rules",
    title="Debugger rules",
    place=50,
    turn=80,
    of_training=True,
    read=lambda run: read_rules(run.job, run.output),
)
