"""Run tuning jobs: trials are training jobs, a few at a time, chosen by a strategy."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Any

from pipeline.definition.errors import DefinitionError
from pipeline.errors import PipelineError
from pipeline.job_scripts.metrics import SETTINGS_DONE
from pipeline.job_scripts.searched import count_in, searched_by
from pipeline.local.failures import MAXIMUM_REASON, StepFailed
from pipeline.local.jobs.containers import Job, JobOutcome
from pipeline.local.jobs.strategies import OpenTrial, Search
from pipeline.local.jobs.training import run_training_job
from pipeline.local.jobs.tuning_documents import (
    first_document,
    only_definition,
    require_metric,
    summary_of,
    training_request,
    trial_name,
)
from pipeline.local.store import Document

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_KIND = "HyperParameterTuningJob"
_CONVERGED_AFTER = 10  # trials without a better one, when ConvergenceDetected is asked for


@dataclass(frozen=True)
class TrialResult:
    """The end of a trial. `value` is the last objective it printed, None when it is no use."""

    summary: Document
    outcome: JobOutcome
    value: float | None
    pruned: bool
    frozen: "FrozenTrial"


@dataclass(frozen=True)
class TuningProgress:
    """The progress of a tuning job: trials done, trials in all, and the best value.

    Where jobs search several settings each, every setting is a trial.
    """

    done: int
    total: int
    best: float | None


def run_tuning_job(
    request: Mapping[str, Any], job: Job, on_progress: Callable[[TuningProgress], None]
) -> JobOutcome:
    """Run a CreateHyperParameterTuningJob request to its end and keep its Describe document.

    A trial that fails does not end the job; all of them failing does. With n trials at a time,
    trial i is chosen from those up to i - 1.5 n, whichever else have ended: so the same seed
    repeats the same search, and a short trial need not wait for a long one before it.
    Raises DefinitionError for a configuration that cannot run.
    """
    tuning = _Tuning(request, job, on_progress)
    tuning.save()
    try:
        stopped = tuning.run()
    except PipelineError as error:
        tuning.finish(StepFailed(job.step, str(error)), stopped=False)
        raise
    failure = None if stopped else tuning.failure()
    tuning.finish(failure, stopped)
    return JobOutcome(tuning.document, failure, stopped)


class _Tuning:
    def __init__(
        self, request: Mapping[str, Any], job: Job, on_progress: Callable[[TuningProgress], None]
    ) -> None:
        self._config = request["HyperParameterTuningJobConfig"]
        self._definition = only_definition(request)
        ranges = self._definition.get("HyperParameterRanges") or self._config.get("ParameterRanges")
        objective = self._definition.get("TuningObjective") or self._config.get(
            "HyperParameterTuningJobObjective"
        )
        if objective is None:
            raise DefinitionError(f"step {job.step}: the tuning job has no objective metric")
        self._objective = objective
        self._search = Search(
            {**self._config, "HyperParameterTuningJobObjective": objective}, ranges or {}
        )
        require_metric(job.step, objective, self._definition)
        self._job = job
        self._on_progress = on_progress
        self._enough = Event()
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds", float("inf"))
        self._deadline = time.monotonic() + limit
        self._ended = count(1)
        self._searched = searched_by(request)
        # Of each trial from the start: trials count in threads of their own.
        self._settings_done = dict.fromkeys(range(self._search.size), 0)
        self._results: list[TrialResult] = []
        self.document = first_document(request, job)

    def run(self) -> bool:
        """Run every trial, at most `parallel` at a time; True when it was stopped from outside.

        Results are taken in the order of trials, so that what is known when the next one is chosen
        does not hang on which ended first.
        """
        window: deque[Future[TrialResult]] = deque()
        unknown = self._search.parallel + self._search.parallel // 2
        free = Semaphore(self._search.parallel)
        with ThreadPoolExecutor(self._search.parallel, "trial") as pool:
            try:
                for number in range(self._search.size):
                    if len(window) == unknown:
                        self._take(window.popleft().result())
                    free.acquire()  # not queued in the pool: it can be called off until it starts
                    if self._stop_asked() or time.monotonic() > self._deadline:
                        break
                    trial = self._search.open(number, [r.frozen for r in self._results])
                    window.append(pool.submit(self._run_trial, number, trial))
                    window[-1].add_done_callback(lambda _: free.release())
                while window:
                    self._take(window.popleft().result())
            except BaseException:
                self._enough.set()  # the trials that still run must not outlive this one
                raise
        cut = any(r.outcome.stopped and r.value is None for r in self._results)
        missing = len(self._results) < self._search.size and not self._enough.is_set()
        return self._job.should_stop() and (cut or missing)

    def _take(self, result: TrialResult) -> None:
        """Count a result, unless the search was complete without it."""
        if self._enough.is_set():
            return
        self._results.append(result)
        if self._is_complete():
            self._enough.set()
        self._update()
        self.save()

    def _run_trial(self, number: int, trial: OpenTrial) -> TrialResult:
        name = trial_name(self._job.name, number)
        state = _TrialState()
        objective = self._objective["MetricName"]

        def on_metric(metric: str, value: float) -> None:
            if metric == SETTINGS_DONE and self._searched:
                self._settings_done[number] = int(value)
                self._report(0)
            # Values after the decision to stop depend on how fast the stop is: not counted.
            if metric == objective and not state.pruned:
                state.value = value
                state.pruned = trial.report(value)

        job = replace(
            self._job,
            name=name,
            work=self._job.work / name,
            cores=max(1, self._job.cores // self._search.parallel),
            should_stop=lambda: state.pruned or self._stop_asked(),
            on_metric=on_metric,
        )
        tuned = dict(trial.parameters)
        members = {
            "TuningJobArn": self.document["HyperParameterTuningJobArn"],
            "TuningJobName": self._job.name,
            "TunedHyperParameters": tuned,
        }
        request = training_request(self._definition, self._objective["MetricName"], tuned)
        outcome = run_training_job(request, job, members)
        self._settings_done[number] = count_in(tuned)
        return self._result(trial, state, outcome)

    def _result(self, trial: OpenTrial, state: "_TrialState", outcome: JobOutcome) -> TrialResult:
        usable = outcome.failure is None and (state.pruned or not outcome.stopped)
        value = state.value if usable else None
        document = outcome.document
        if state.pruned and outcome.failure is None:
            document |= {"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}
        document["ObjectiveStatus"] = "Failed" if value is None else "Succeeded"
        if value is not None:
            document["FinalHyperParameterTuningJobObjectiveMetric"] = {
                **self._objective,
                "Value": value,
            }
        store = self._job.store
        store.put("TrainingJob", document["TrainingJobName"], document, document["TrainingJobArn"])
        self._report(next(self._ended))
        store.close()
        frozen = trial.close(value, pruned=state.pruned)
        return TrialResult(summary_of(document), outcome, value, state.pruned, frozen)

    def _stop_asked(self) -> bool:
        return self._job.should_stop() or self._enough.is_set()

    def _is_complete(self) -> bool:
        criteria = self._config.get("TuningJobCompletionCriteria") or {}
        best = self._best()
        if best is None or best.value is None:
            return False
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None:
            return bool(best.value >= target if self._search.maximize else best.value <= target)
        since = len(self._results) - 1 - self._results.index(best)
        patience = (criteria.get("BestObjectiveNotImproving") or {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        if patience is not None and since >= patience:
            return True
        converged = (criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence")
        return converged == "Enabled" and since >= _CONVERGED_AFTER

    def _best(self) -> TrialResult | None:
        """Find the best completed trial, the earliest of equals; a stopped one left no model."""
        sign = 1 if self._search.maximize else -1
        usable = [r for r in self._results if r.value is not None and not r.pruned]
        return max(usable, key=lambda r: sign * (r.value or 0), default=None)

    def _report(self, ended: int) -> None:
        best = self._best()
        value = best.value if best else None
        total = self._search.size
        if self._searched:  # what people wait for are the settings, not the jobs
            ended, total = sum(self._settings_done.values()), len(self._searched.settings)
        self._on_progress(TuningProgress(ended, total, value))

    def _update(self) -> None:
        states = [result.summary["TrainingJobStatus"] for result in self._results]
        useful = sum(result.value is not None for result in self._results)
        self.document["TrainingJobStatusCounters"] = {
            "Completed": states.count("Completed"),
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": states.count("Failed"),
            "Stopped": states.count("Stopped"),
        }
        self.document["ObjectiveStatusCounters"] = {
            "Succeeded": useful,
            "Pending": 0,
            "Failed": len(self._results) - useful,
        }
        if best := self._best():
            self.document["BestTrainingJob"] = best.summary

    def failure(self) -> StepFailed | None:
        """Return why the whole search has nothing to choose from; None when it has a best."""
        if self._best():
            return None
        for result in self._results:
            if error := result.outcome.failure:
                return StepFailed(
                    self._job.step,
                    f"all {len(self._results)} training jobs failed, the first with: "
                    f"{error.reason}",
                    exit_code=error.job_exit_code,
                    log=error.log,
                    log_tail=error.log_tail,
                )
        metric = self._objective["MetricName"]
        return StepFailed(
            self._job.step,
            f"no training job printed the objective metric {metric}: its regular expression "
            "finds nothing in their logs",
            log=self._job.work,
        )

    def finish(self, failure: StepFailed | None, stopped: bool) -> None:
        """Write the document's last state."""
        now = datetime.now(UTC)
        self.document |= {
            "HyperParameterTuningJobStatus": (
                "Failed" if failure else "Stopped" if stopped else "Completed"
            ),
            "HyperParameterTuningEndTime": now,
            "LastModifiedTime": now,
            "TrainingJobSummaries": self._summaries(),
        }
        if failure:
            self.document["FailureReason"] = failure.reason[:MAXIMUM_REASON]
        self.save()

    def save(self) -> None:
        """Write the document."""
        arn = self.document["HyperParameterTuningJobArn"]
        self._job.store.put(_KIND, self._job.name, self.document, arn=arn)

    def _summaries(self) -> list[Document]:
        """Sort the summaries best first: a step's TrainingJobSummaries[0] must have a model."""
        sign = -1 if self._search.maximize else 1
        order = sorted(
            self._results, key=lambda r: (r.value is None, r.pruned, sign * (r.value or 0))
        )
        return [result.summary for result in order]


@dataclass
class _TrialState:
    """What is known of a trial while it runs."""

    value: float | None = None
    pruned: bool = False
