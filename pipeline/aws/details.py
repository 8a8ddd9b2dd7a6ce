"""Read the newest metric and the trial counts of training and tuning jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import is_transient
from pipeline.aws.steps import ENDED, Detail, job_of
from pipeline.command_line.step_table import show
from pipeline.job_scripts.searched import count_in, searched_by


class Details:
    """The details of an execution's steps: asked for while a step runs, kept once it has ended.

    They are an extra: what may not be asked, or fails, is left out and never ends a watch.
    """

    def __init__(self, aws: Aws) -> None:
        self._sagemaker = aws.client("sagemaker")
        self._known: dict[str, Detail] = {}
        self._finished: set[str] = set()

    def of(self, summaries: Sequence[Mapping[str, Any]]) -> dict[str, Detail]:
        """Return the details of steps (ListPipelineExecutionSteps's summaries), by step name."""
        for summary in summaries:
            name = summary["StepName"]
            # A step that is retried runs again after it had ended.
            if summary.get("StepStatus") not in ENDED:
                self._finished.discard(name)
            if name not in self._finished:
                self._ask(name, summary)
        return dict(self._known)

    def _ask(self, step: str, summary: Mapping[str, Any]) -> None:
        job = job_of(summary)
        ended = summary.get("StepStatus") in ENDED
        if job is None or job[0] not in _READERS:
            return
        kind, arn = job
        try:
            self._known[step] = _READERS[kind](self._sagemaker, arn.rsplit("/", 1)[-1])
        except (ClientError, BotoCoreError) as error:
            if is_transient(error):
                return
        if ended:
            self._finished.add(step)


def _tuning(sagemaker: Any, name: str) -> Detail:
    answer = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    counts = answer.get("TrainingJobStatusCounters") or {}
    limits = answer["HyperParameterTuningJobConfig"]["ResourceLimits"]
    searched = searched_by(answer)
    if searched:
        done, total = _settings_done(sagemaker, name), len(searched.settings)
    else:
        done = sum(counts.get(k, 0) for k in ("Completed", "Stopped", "NonRetryableError"))
        total = limits.get("MaxNumberOfTrainingJobs", 0)
    best = (answer.get("BestTrainingJob") or {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    return Detail(
        metric=show("best", best["Value"]) if best else None,
        trials_done=done,
        trials_total=total,
    )


def _settings_done(sagemaker: Any, tuning: str) -> int:
    """Count the settings of the training jobs that have ended, of which each searches several."""
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning, MaxResults=100
    )["TrainingJobSummaries"]
    ended = (job for job in jobs if job["TrainingJobStatus"] in ("Completed", "Stopped", "Failed"))
    return sum(count_in(job["TunedHyperParameters"]) for job in ended)


def _training(sagemaker: Any, name: str) -> Detail:
    answer = sagemaker.describe_training_job(TrainingJobName=name)
    newest = max(answer.get("FinalMetricDataList") or [], key=_age_and_worth, default=None)
    return Detail(metric=show(newest["MetricName"], newest["Value"]) if newest else None)


def _age_and_worth(metric: Mapping[str, Any]) -> tuple[float, bool, bool, str]:
    """Return a sort key: newest last, then validation, then accuracy, then by name."""
    name = metric["MetricName"]
    return metric["Timestamp"].timestamp(), "valid" in name, "accuracy" in name, name


_READERS = {"TuningJob": _tuning, "TrainingJob": _training}
