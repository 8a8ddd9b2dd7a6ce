"""How often rules look, and what ends a training: with a clock and outcomes of the test's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smdebug")

from debugger import embedded_rules
from debugger.embedded_rules import EmbeddedRules, TrainingLost
from debugger.plan import DebugPlan
from debugger.rule_evaluation import RuleOutcome

NAMES = ("DeadRelu", "Overfit")
FAILED = RuleOutcome("DeadRelu", "Error", None, None, "no tensors")
FIRED = RuleOutcome("Overfit", "IssuesFound", 7, "loss", "loss rises at step 7")


class Rules:
    """Stands for RuleSet: counts looks, of which each takes two seconds."""

    def __init__(self) -> None:
        self.now, self.looks = 0.0, 0
        self.outcomes: list[RuleOutcome] = []

    def advance(self) -> list[RuleOutcome]:
        self.looks, self.now = self.looks + 1, self.now + 2.0
        return self.outcomes

    def stop(self) -> list[RuleOutcome]:
        return self.outcomes


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def embedded(
    rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., EmbeddedRules]:
    """The two rules, of which those in `stop_on` end the training."""
    monkeypatch.setattr(embedded_rules, "RuleSet", lambda *_: rules)

    def make(*stop_on: str) -> EmbeddedRules:
        plan = DebugPlan({}, {name: {} for name in NAMES}, stop_on)
        return EmbeddedRules(tmp_path, plan, lambda: rules.now)

    return make


def test_looking_takes_at_most_a_hundredth_of_the_time(
    rules: Rules, embedded: Callable[..., EmbeddedRules]
) -> None:
    watching = embedded()
    looks = []
    for rules.now in (0.0, 2.0, 201.9, 202.0, 203.0):  # the first look ends at 2, 200 seconds free
        watching.look()
        looks.append(rules.looks)
    assert looks == [1, 1, 1, 2, 2]


def test_only_a_rule_that_may_end_the_training_and_fired_does(
    rules: Rules,
    embedded: Callable[..., EmbeddedRules],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules.outcomes = [FAILED, FIRED]
    watching = embedded("DeadRelu")  # it failed: that says nothing about the training
    for rules.now in (0.0, 1000.0):  # and is told once
        watching.look()
    assert not list(tmp_path.iterdir())
    with pytest.raises(TrainingLost, match="rule Overfit found an issue: loss rises at step 7"):
        embedded("DeadRelu", "Overfit").look()
    document: Any = json.loads((tmp_path / "rules.json").read_text())
    assert document["stopped_by"] == "Overfit"
    assert [rule["name"] for rule in document["rules"]] == list(NAMES)
    assert (
        capsys.readouterr().out.splitlines()
        == [
            "debugger rule DeadRelu: Error: no tensors",
            "debugger rule Overfit: IssuesFound: loss rises at step 7",
        ]
        * 2
    )
