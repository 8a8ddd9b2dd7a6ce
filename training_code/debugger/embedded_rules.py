"""Judge debugger rules while the training job runs, and write their outcomes at its end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from debugger.plan import DebugPlan
from debugger.rule_evaluation import RuleOutcome, RuleSet
from debugger.rules_file import write_rules
from job.errors import JobError
from job.log import log

_WAIT = 100.0  # times the last look: looking takes at most a hundredth of the time


class TrainingLost(JobError):
    """A debugger rule that may end the training has found an issue."""


class EmbeddedRules:
    """A plan's rules, judged on the tensors in `folder`, where rules.json is written as well."""

    def __init__(
        self, folder: Path, plan: DebugPlan, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._clock = clock
        self._rules = RuleSet(folder, plan.rules)
        self._told: set[str] = set()
        self._due = 0.0

    def look(self) -> None:
        """Judge newly saved tensors, if the last time is long enough ago.

        Raises TrainingLost, with rules.json written, when a rule that ends the training fired.
        """
        start = self._clock()
        if start < self._due:
            return
        outcomes = self._rules.advance()
        self._tell(outcomes)
        fired = [one for one in outcomes if one.status == "IssuesFound"]
        ends = next((one for one in fired if one.name in self._plan.stop_on), None)
        if ends is not None:
            self._write(self._rules.stop(), stopped_by=ends.name)
            raise TrainingLost(
                f"debugger rule {ends.name} found an issue: {ends.message}. It ended the training, "
                "as debugger.stop_training_on asks"
            )
        now = self._clock()
        self._due = now + _WAIT * (now - start)

    def finish(self, lost: Exception | None = None, unmatched: Sequence[str] = ()) -> None:
        """Write rules.json after the training; `lost` is why saving ended before, if it did.

        `unmatched` are collections that saved nothing.
        """
        outcomes = self._rules.finish(lost)
        self._tell(outcomes)
        self._write(outcomes, lost=lost, unmatched=unmatched)

    def _tell(self, outcomes: Sequence[RuleOutcome]) -> None:
        for one in outcomes:
            if one.status in ("IssuesFound", "Error") and one.name not in self._told:
                self._told.add(one.name)
                log(f"debugger rule {one.name}: {one.status}: {one.message}")

    def _write(
        self,
        outcomes: Sequence[RuleOutcome],
        stopped_by: str | None = None,
        lost: Exception | None = None,
        unmatched: Sequence[str] = (),
    ) -> None:
        parameters = self._plan.rules
        rules = [asdict(one) | {"parameters": dict(parameters[one.name])} for one in outcomes]
        write_rules(self._folder, rules, stopped_by, lost, unmatched)
