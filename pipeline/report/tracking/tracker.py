"""Bring a pipeline run into MLflow, in passes that each add what is not there yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.aws.errors import error_code
from pipeline.aws.steps import origin_of
from pipeline.errors import PipelineError
from pipeline.report.collect import Collected, collect
from pipeline.report.making import REPORT_FILE, make_report, report_place
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.steps import read_run
from pipeline.report.sections.tuning import Trial, Tuning, trial_epochs, trials_in, tuning_of
from pipeline.report.sources.facts import Description, Facts, read_facts
from pipeline.report.sources.source import Absent, Source
from pipeline.report.tracking.content import begun, of_trial, status_of, whole
from pipeline.report.tracking.destination import Destination, answering, reason_of
from pipeline.report.tracking.model_files import write_model
from pipeline.temporary import temporary_folder

_EXECUTION, _JOB, _DONE = "execution_arn", "job", "tracked"
_PARTS = ("trials", "metrics", "evaluation", "report", "model", "end")
_LASTING = {"evaluation", "report", "model"}  # change no more once a run has ended
_REST = "the rest"
_MB = 1_000_000
_NO_SUCH = ("ResourceNotFound", "ValidationException", "ValidationError")
_UNREACHABLE = ("ConnectionError", "Timeout", "ConnectTimeout", "ReadTimeout", "RetryError")


@dataclass(frozen=True)
class Tracked:
    """What is in MLflow of a run. `missing`: why a part is not, by its name."""

    run: str
    to: str
    mlflow_run: str
    page: str | None
    trials: int
    missing: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Format it for people."""
        trials = f", {self.trials} trials" if self.trials else ""
        first = f"logged {self.run}{trials}: {self.page or self.to}"
        return [first, *(f"not logged: {name}: {why}" for name, why in self.missing.items())]


class Tracker:
    """Brings one run from its source to MLflow; files of more than `most_mb` are not copied."""

    def __init__(self, destination: Destination, source: Source, arn: str, most_mb: int) -> None:
        self._to = destination
        self._source = source
        self._arn = arn
        self._most = most_mb * _MB
        self._parent: str | None = None
        self._ended: set[str] = set()  # trials that are there as a whole

    def is_done(self) -> bool:
        """Check whether all of a run that has ended is there."""
        found = self._to.find(_EXECUTION, self._arn)
        return found is not None and set(_PARTS) <= set(found.data.tags.get(_DONE, "").split())

    def look(self) -> None:
        """Log the trials that have ended so far, while the run goes on."""
        facts = read_facts(self._source, self._arn)
        self._log_trials(facts, self._parent_of(facts))

    def finish(self, to: str, folder: Path | None) -> Tracked:
        """Log all that a run has. `folder` is its report's; None: where local runs have it.

        A part that cannot be logged does not keep the others from it.
        """
        facts = read_facts(self._source, self._arn)
        with answering(to):
            parent = self._parent_of(facts)
            done = set(self._to.tags(parent).get(_DONE, "").split())
        collected = collect(self._source, self._arn)
        content = whole(collected)
        left = replace(content, params={}, points=()) if "metrics" in done else content
        do: tuple[Callable[[], None], ...] = (
            lambda: self._log_trials(facts, parent),
            lambda: self._to.write(parent, left),
            lambda: self._log_evaluation(facts, parent),
            lambda: self._log_report(facts, parent, folder, content.ended),
            lambda: self._log_model(collected, parent),
            lambda: self._to.end(parent, content),
        )
        parts = dict(zip(_PARTS, do, strict=True))
        missing = _tried({n: part for n, part in parts.items() if n not in done & _LASTING})
        if content.ended is None:
            missing[_REST] = "the run has not ended"
        elif _REST not in missing:
            logged = {_DONE: " ".join(sorted((done | parts.keys()) - missing.keys()))}
            missing |= _tried({"what is missing": lambda: self._to.write_tags(parent, logged)})
        return Tracked(facts.id, to, parent, self._to.page(parent), len(self._ended), missing)

    def _parent_of(self, facts: Facts) -> str:
        if self._parent is None:
            content = begun(read_run(facts, self._source.where))
            self._parent = self._to.run(content, _EXECUTION)
        return self._parent

    def _log_trials(self, facts: Facts, parent: str) -> None:
        try:
            step, job = facts.job_of_kind("TuningJob")
        except Absent:
            return
        tuning = tuning_of(job, trials_in(self._source, job))
        ended = [
            trial
            for trial in tuning.trials
            if status_of(trial.status) != "RUNNING" and trial.name not in self._ended
        ]
        there = self._to.children(parent, _JOB) if ended else {}
        origin = origin_of(facts.summaries.get(step, {})) or ""
        cached = origin.rpartition("/")[2]
        for trial in ended:
            tags = {_JOB: trial.name, "cached_from": cached or None}
            self._log_trial(trial, tuning, parent, there.get(trial.name), tags)
            self._ended.add(trial.name)
        if tuning.best and status_of(job["HyperParameterTuningJobStatus"]) != "RUNNING":
            self._mark_best(tuning.best, parent)

    def _log_trial(
        self, trial: Trial, tuning: Tuning, parent: str, run: Any, tags: Mapping[str, Any]
    ) -> None:
        if run is not None and run.info.status != "RUNNING":
            return
        content = of_trial(trial, *self._told_by(trial, tuning.objective), tags)
        run_id = run.info.run_id if run else self._to.child(content, parent)
        self._to.write(run_id, content)
        self._to.end(run_id, content)

    def _told_by(self, trial: Trial, objective: str) -> tuple[Description, Sequence[Epoch]]:
        """Return a trial's job and epochs: nothing of one that is deleted, or completed none."""
        from botocore.exceptions import ClientError

        job: Description = {}
        try:
            job = self._source.sagemaker.describe_training_job(TrainingJobName=trial.job)
            return job, trial_epochs(self._source, job, trial, objective)
        except PipelineError:
            return job, ()
        except ClientError as error:
            if error_code(error) not in _NO_SUCH:
                raise
            return job, ()

    def _mark_best(self, trial: str, parent: str) -> None:
        child = self._to.children(parent, _JOB).get(trial)
        if child is not None and "best" not in child.data.tags:
            self._to.write_tags(child.info.run_id, {"best": "true"})
            self._to.write_tags(parent, {"best_trial": child.info.run_id})

    def _log_evaluation(self, facts: Facts, parent: str) -> None:
        try:
            place = facts.output("Evaluate", "evaluation")
        except Absent:
            return  # the run has none
        self._to.copy(parent, self._source.folder(place), "evaluation", self._most)

    def _log_report(
        self, facts: Facts, parent: str, folder: Path | None, ended: int | None
    ) -> None:
        with temporary_folder("report") as scratch:
            try:
                place = report_place(self._source, facts, folder)
            except Absent:  # the definition writes nowhere
                place = scratch
            if not _is_of_the_end(place / REPORT_FILE, ended):
                make_report(self._source, self._arn, place)
            self._to.copy(parent, place, "report", self._most)

    def _log_model(self, collected: Collected, parent: str) -> None:
        for job in collected.facts.jobs.values():
            if "TrainingJobName" in job and job.get("TrainingJobStatus") == "Completed":
                archive = self._source.file(job["ModelArtifacts"]["S3ModelArtifacts"])
                with temporary_folder("model") as scratch:
                    if write_model(archive, scratch / "model", self._most):
                        self._to.copy(parent, scratch / "model", "model", self._most)


def _is_of_the_end(report: Path, ended: int | None) -> bool:
    """Check whether a report was made after the run had ended, at `ended` in milliseconds."""
    return report.is_file() and ended is not None and report.stat().st_mtime * 1000 >= ended


def _tried(parts: Mapping[str, Callable[[], None]]) -> dict[str, str]:
    """Do each part; return why some were not done. A server that is gone is asked no further."""
    missing: dict[str, str] = {}
    for name, do in parts.items():
        try:
            do()
        except Exception as error:  # every store of MLflow's, and every way to it, has its own
            missing[name] = reason_of(error)
            if _is_unreachable(error):
                return {**missing, _REST: "not tried"}
    return missing


def _is_unreachable(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in _UNREACHABLE:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
