"""Rules as the service reports them, and as a job wrote them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.sections.rules import Rule, Rules, read_rules
from pipeline.report.sources.source import Absent


def _job(*statuses: tuple[str, str, str], **members: Any) -> dict[str, Any]:
    stop = '{"name": "stoptraining", "parameters": {"training_job_prefix": "run-Train"}}'
    configurations = [
        {
            "RuleConfigurationName": name,
            "RuleEvaluatorImage": "image",
            "RuleParameters": {"rule_to_invoke": name, "patience": "5", "action_json": stop},
        }
        for name in ("Overfit", "DeadRelu")
    ]
    reported = [
        {"RuleConfigurationName": name, "RuleEvaluationStatus": status, "StatusDetails": details}
        for name, status, details in statuses
    ]
    job = {"DebugRuleConfigurations": configurations, "TrainingJobStatus": "Completed"}
    return job | ({"DebugRuleEvaluationStatuses": reported} if reported else {}) | members


@pytest.mark.parametrize(
    ("details", "step", "tensor"),
    [
        ("RuleEvaluationConditionMet: gradient/Head_linear.weight vanishes at step 12",
         12, "gradient/Head_linear.weight"),
        ("RuleEvaluationConditionMet: Evaluation of the rule Overfit at step 7 resulted in the "
         "condition being met", 7, None),
        ("", None, None),
    ],
)  # fmt: skip
def test_a_rule_that_fired_says_where(
    details: str, step: int | None, tensor: str | None, tmp_path: Path
) -> None:
    found = read_rules(_job(("Overfit", "IssuesFound", details)), tmp_path)
    fired = Rule("Overfit", "IssuesFound", step, tensor, details, {"patience": "5"})
    assert found == Rules((fired,))


def test_the_rule_that_stopped_the_training_is_named(tmp_path: Path) -> None:
    statuses = (("Overfit", "Stopped", ""), ("DeadRelu", "IssuesFound", "relu.0 died at step 3"))
    assert read_rules(_job(*statuses), tmp_path).stopped_by is None
    stopped = _job(*statuses, TrainingJobStatus="Stopped")
    assert read_rules(stopped, tmp_path).stopped_by == "DeadRelu"


def test_rules_that_were_not_evaluated_are_named(tmp_path: Path) -> None:
    with pytest.raises(Absent, match=r"2 rules were asked for \(Overfit, DeadRelu\)"):
        read_rules(_job(), tmp_path)


def test_collections_that_saved_nothing_are_named(tmp_path: Path) -> None:
    (tmp_path / "debug").mkdir()
    content = {"rules": [], "stopped_by": None, "lost": None, "unmatched": ["logits"]}
    (tmp_path / "debug" / "rules.json").write_text(json.dumps(content))
    assert read_rules({}, tmp_path).unmatched == ("logits",)


def test_lost_debugging_is_said(tmp_path: Path) -> None:
    (tmp_path / "debug").mkdir()
    content = {"rules": [], "stopped_by": None, "lost": "OSError: disk full"}
    (tmp_path / "debug" / "rules.json").write_text(json.dumps(content))
    assert read_rules({}, tmp_path) == Rules((), None, "OSError: disk full")
    judged = _job(("Overfit", "NoIssuesFound", ""))  # the service does not know
    assert read_rules(judged, tmp_path).lost == "OSError: disk full"
    with pytest.raises(Absent, match="no rules ran in it"):
        read_rules({}, None)
