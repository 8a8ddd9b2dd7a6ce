"""Read runs on AWS as the pages show them, in few requests."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.log_parts import Asked
from pipeline.aws.logs import log_tail
from pipeline.aws.timing import Timing
from pipeline.console.account_logs import read_log, step_log, trial_logs
from pipeline.console.logs import LogPart, LogView
from pipeline.console.place import RunPage
from pipeline.console.run_list import DAMAGE, RUNNING, RunRow, version_of
from pipeline.console.run_view import Parts, RunView, StepView, Tail, view_of
from pipeline.errors import PipelineError, UsageError
from pipeline.report.runs import RunSummary, list_runs
from pipeline.report.sections.history import Epoch, epochs_of_log
from pipeline.report.sections.rules import Rules, read_rules
from pipeline.report.sections.steps import ReportedStep, read_run, read_steps
from pipeline.report.sections.tuning import Tuning, planned_trials, read_trials_from_logs
from pipeline.report.sources.facts import EVALUATE, Facts, read_facts
from pipeline.report.sources.source import Absent, Source
from pipeline.run.again import refuse_said_no

ROWS = 10  # on a page: each takes some requests, the first time
_MOST_RUNS = 500
_AT_ONCE = 4
_TAILS = 2
_KEPT = 1000


@dataclass(frozen=True)
class AccountRuns:
    """The runs of a pipeline in an account; rows of those that have ended are read once."""

    aws: Aws
    source: Source
    read: Callable[[str], bytes]  # an evaluation
    pipeline: str
    place: str  # the ARN of the pipeline's executions, without their ids
    timing: Timing = field(default_factory=Timing)
    _ended: dict[str, RunRow] = field(default_factory=dict)

    def page(self, number: int) -> RunPage:
        """Return that page of the newest runs, or the last one there is."""
        runs = self.newest(_MOST_RUNS)
        if runs is None:
            return RunPage([], note=f"There is no pipeline {self.pipeline} yet.")
        last = max(1, -(-len(runs) // ROWS))
        shown = min(number, last)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rows = list(pool.map(self._row, runs[ROWS * (shown - 1) : ROWS * shown]))
        problems = sorted({problem for _, problem in rows if problem})
        cut = f"The newest {_MOST_RUNS} runs are shown." if len(runs) == _MOST_RUNS else ""
        note = " ".join([*(f"Not all is known: {one}." for one in problems), cut]).strip()
        return RunPage([row for row, _ in rows], shown, last, note)

    def newest(self, most: int) -> list[RunSummary] | None:
        """Return the newest runs, at most so many; None where there is no such pipeline."""
        try:
            return list_runs(self.source.sagemaker, [self.pipeline], most)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFound":
                raise
            return None

    def arn_of(self, run: str) -> str:
        """Return the ARN of a run. Raises UsageError for what cannot be one's id."""
        if not run.isalnum():
            raise UsageError(f"there is no run {run}")
        return f"{self.place}{run}"

    def facts(self, run: str, steps: Collection[str] | None = None) -> Facts:
        """Read what the API knows of a run, of jobs only those of `steps`, if given.

        Raises UsageError where there is none such.
        """
        return read_facts(self.source, self.arn_of(run), steps)

    def view(self, run: str) -> RunView:
        """Read all that the page of a run shows."""
        facts = self.facts(run)
        tuning, planned = self._tuning(facts)
        steps = tuple(
            _step_view(step, facts.summaries.get(step.name), tuning) for step in read_steps(facts)
        )
        parts = Parts(
            accuracy=self._accuracy(facts)[0],
            tails=tuple(self._tails(facts, steps)),
            tuning=tuning,
            trials_planned=planned,
            epochs=self._epochs(facts),
            rules=_rules(facts),
        )
        return view_of(read_run(facts, "aws"), facts, steps, parts)

    def log(self, run: str, name: str, asked: Asked) -> LogView:
        """Read a part of the log of a step, or of a trial as step/job."""
        return read_log(self.aws, self.facts(run, ()), name, asked)

    def stop(self, run: str) -> None:
        """Stop a run. Raises UsageError for one that is not at work any more."""
        status = self.facts(run, ()).execution["PipelineExecutionStatus"]
        if status not in RUNNING:
            raise UsageError(f"run {run} is not at work any more: it is {status}")
        self.source.sagemaker.stop_pipeline_execution(PipelineExecutionArn=self.arn_of(run))

    def retry(self, run: str) -> None:
        """Have a run go on. Raises UsageError for one that neither failed nor was stopped."""
        status = self.facts(run, ()).execution["PipelineExecutionStatus"]
        if status not in ("Failed", "Stopped"):
            raise UsageError(f"run {run} is {status}: only what failed or was stopped can go on")
        client, arn = self.source.sagemaker, self.arn_of(run)
        refuse_said_no(client, arn)
        client.retry_pipeline_execution(PipelineExecutionArn=arn)
        self._ended.pop(run, None)

    def _row(self, run: RunSummary) -> tuple[RunRow, str]:
        """Return a run's line, and why it does not say all."""
        if run.id in self._ended:
            return self._ended[run.id], ""
        try:
            facts = read_facts(self.source, run.arn, (EVALUATE,))
            row, problem = self._read_row(run, facts)
        except (ClientError, BotoCoreError, PipelineError, *DAMAGE) as error:
            return _bare(run), " ".join(str(error).split())
        if row.since is None and not problem and len(self._ended) < _KEPT:
            self._ended[run.id] = row
        return row, problem

    def _read_row(self, run: RunSummary, facts: Facts) -> tuple[RunRow, str]:
        head = read_run(facts, "aws")
        group, version = version_of(facts.summaries.values())
        running = head.status in RUNNING
        started = head.started or datetime.now(UTC)
        accuracy, problem = self._accuracy(facts)
        row = RunRow(
            id=run.id,
            pipeline=run.pipeline,
            status=head.status,
            started=started,
            seconds=(datetime.now(UTC) - started).total_seconds() if running else head.seconds,
            since=started if running else None,
            data=facts.parameters.get("DataUri", ""),
            commit=facts.parameters.get("GitCommit", ""),
            accuracy=accuracy,
            group=group,
            version=version,
        )
        return row, problem

    def _accuracy(self, facts: Facts) -> tuple[float | None, str]:
        """Return the test accuracy, and why it cannot be read where there is one."""
        try:
            uri = f"{facts.output(EVALUATE, 'evaluation')}/evaluation.json"
        except Absent:
            return None, ""
        try:
            metrics = json.loads(self.read(uri))["multiclass_classification_metrics"]
            return float(metrics["accuracy"]["value"]), ""
        except Absent as error:
            return None, str(error)
        except DAMAGE:
            return None, f"{uri} is no evaluation"

    def _tuning(self, facts: Facts) -> tuple[Tuning | None, int]:
        try:
            tuning = read_trials_from_logs(self.source, facts)
            _, job = facts.job_of_kind("TuningJob")
        except Absent:
            return None, 0
        return tuning, planned_trials(job, len(tuning.trials))

    def _epochs(self, facts: Facts) -> tuple[Epoch, ...]:
        """Return the epochs of the final training, from its log: its output may be large."""
        try:
            _, job = facts.job_of_kind("TrainingJob")
        except Absent:
            return ()
        return epochs_of_log(self.source.log(str(job["TrainingJobName"])))

    def _tails(self, facts: Facts, steps: Iterable[StepView]) -> Iterable[Tail]:
        """Read the last lines of the jobs that failed or are at work, of a few at most."""
        wanted = [one for one in steps if one.is_running or one.step.status == "Failed"]
        for one in wanted[:_TAILS]:
            step = one.step
            summary: Mapping[str, Any] = facts.summaries.get(step.name, {})
            found = log_tail(self.aws, summary, self.timing, pauses=(0,))
            if found:
                part = LogPart("\n".join(found.lines), 0)
                yield Tail(step.name, part, found.note or "", has_page=bool(one.log))


def _step_view(
    step: ReportedStep, summary: Mapping[str, Any] | None, tuning: Tuning | None
) -> StepView:
    if summary is None:
        return StepView(step, "", ())
    trials = trial_logs(summary, tuning.trials if tuning else ())
    return StepView(step, step_log(summary), trials)


def _rules(facts: Facts) -> Rules | None:
    try:
        _, job = facts.job_of_kind("TrainingJob")
        return read_rules(job, None)
    except (Absent, *DAMAGE):
        return None


def _bare(run: RunSummary) -> RunRow:
    """Return all that the list of executions says of a run."""
    return RunRow(
        id=run.id,
        pipeline=run.pipeline,
        status=run.status,
        started=run.started or datetime.now(UTC),
        seconds=None,
        since=None,
        data="",
        commit="",
    )
