"""Read the ends of logs from CloudWatch Logs: a failed job's, an endpoint's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import error_code, is_denied, message_of
from pipeline.aws.steps import job_of
from pipeline.aws.timing import Timing

LINES = 20
_GROUPS = {
    "ProcessingJob": "/aws/sagemaker/ProcessingJobs",
    "TrainingJob": "/aws/sagemaker/TrainingJobs",
    "TransformJob": "/aws/sagemaker/TransformJobs",
}
ENDPOINTS = "/aws/sagemaker/Endpoints"
"""Below it, each endpoint has a log group."""
_MACHINES = 10
_EMPTY_PAGES = 5
ARRIVAL_PAUSES_S = (0, 5, 10)  # the last lines reach CloudWatch some seconds after the end
_SLACK_MS = 60_000


@dataclass(frozen=True)
class LogTail:
    """The last lines of a log; `note` says why there are none, or of which trial they are."""

    lines: tuple[str, ...] = ()
    note: str | None = None
    command: str | None = None

    def shown(self) -> list[str]:
        """Return the note, the lines and the command for the rest, for people."""
        result = [f"  {self.note}"] if self.note else []
        result += [f"  | {line}" for line in self.lines]
        return result + ([f"  whole log: {self.command}"] if self.command else [])


@dataclass(frozen=True)
class LogPlace:
    """Log streams of a group: those that begin with `prefix`, else the newest in the period.

    A known `stream` needs no listing, which not everybody may ask for.
    """

    group: str
    prefix: str | None
    period: Mapping[str, int]
    note: str | None = None
    stream: str | None = None


def log_tail(
    aws: Aws, summary: Mapping[str, Any], timing: Timing, pauses: Sequence[int] = ARRIVAL_PAUSES_S
) -> LogTail | None:
    """Return the last log lines of a failed step's job (ListPipelineExecutionSteps's summary).

    None when the step has no log. `pauses`: seconds before each look. Never raises: a log that
    cannot be read is a note.
    """
    place = None
    try:
        place = _place(aws, summary)
        if place is None:
            return None
        return _read_patiently(aws, place, timing, pauses)
    except (ClientError, BotoCoreError) as error:
        return LogTail((), excuse(error), tail_command(aws, place) if place else None)


def endpoint_log(aws: Aws, endpoint: str, since: datetime, timing: Timing) -> LogTail:
    """Return the last log lines of an endpoint's newest instance. Never raises, as `log_tail`."""
    place = LogPlace(f"{ENDPOINTS}/{endpoint}", None, {"startTime": int(since.timestamp() * 1000)})
    try:
        return _read_patiently(aws, place, timing)
    except (ClientError, BotoCoreError) as error:
        return LogTail((), excuse(error), tail_command(aws, place))


def stream_log(aws: Aws, group: str, stream: str, timing: Timing) -> LogTail:
    """Return the last lines of one stream of a log. Never raises, as `log_tail`."""
    place = LogPlace(group, stream, {}, stream=stream)
    try:
        return _read_patiently(aws, place, timing)
    except (ClientError, BotoCoreError) as error:
        return LogTail((), excuse(error), tail_command(aws, place))


def _place(aws: Aws, summary: Mapping[str, Any]) -> LogPlace | None:
    kind, arn = job_of(summary) or ("", "")
    if kind == "TuningJob":
        return _failed_trial(aws, arn.rsplit("/", 1)[-1])
    return log_place(summary)


def log_place(summary: Mapping[str, Any]) -> LogPlace | None:
    """Return where a step's log is (ListPipelineExecutionSteps's summary); None without one.

    A tuning job has none of its own: its trials have, at `trial_place`.
    """
    kind, arn = job_of(summary) or ("", "")
    if kind == "Lambda":
        name = arn.partition(":function:")[2].partition(":")[0]
        return LogPlace(f"/aws/lambda/{name}", None, _period(summary))
    if kind in _GROUPS:
        return LogPlace(_GROUPS[kind], f"{arn.rsplit('/', 1)[-1]}/", {})
    return None


def _failed_trial(aws: Aws, tuning_job: str) -> LogPlace | None:
    """Return the newest failed trial's log, as a tuning job has none of its own."""
    answer = aws.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning_job,
        StatusEquals="Failed",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    for trial in answer["TrainingJobSummaries"]:
        name = trial["TrainingJobName"]
        return trial_place(name, f"trial {name}: {trial.get('FailureReason', 'failed')}")
    return None


def trial_place(job: str, note: str | None = None) -> LogPlace:
    """Return where a training job's log is."""
    return LogPlace(_GROUPS["TrainingJob"], f"{job}/", {}, note)


def _read_patiently(
    aws: Aws, place: LogPlace, timing: Timing, pauses: Sequence[int] = ARRIVAL_PAUSES_S
) -> LogTail:
    for pause in pauses:
        if pause:
            timing.sleep(pause)
        if lines := _lines(aws.client("logs"), place):
            return LogTail(lines, place.note, tail_command(aws, place))
    note = place.note or "its log is empty: it ended before its code began"
    return LogTail((), note, tail_command(aws, place))


def _lines(logs: Any, place: LogPlace) -> tuple[str, ...]:
    """Return the last lines of all machines of a job, in the order they were written."""
    try:
        streams = _streams(logs, place)
    except ClientError as error:
        # The group comes into being with the first job that writes.
        if error_code(error) == "ResourceNotFoundException":
            return ()
        raise
    events = [
        (event["timestamp"], _machine(stream, streams) + event["message"])
        for stream in streams
        for event in _last_events(logs, place, stream)
    ]
    events.sort(key=lambda event: event[0])
    return tuple(printable(message) for _, message in events[-LINES:])


def _streams(logs: Any, place: LogPlace) -> list[str]:
    if place.stream is not None:
        return [place.stream]
    if place.prefix is None:
        order = {"orderBy": "LastEventTime", "descending": True, "limit": 1}
    else:
        order = {"logStreamNamePrefix": place.prefix, "limit": _MACHINES}
    answer = logs.describe_log_streams(logGroupName=place.group, **order)
    return [stream["logStreamName"] for stream in answer.get("logStreams", [])]


def _last_events(logs: Any, place: LogPlace, stream: str) -> list[dict[str, Any]]:
    """Return the last LINES events of a stream; an empty page does not mean there are none."""
    asked = {
        "logGroupName": place.group,
        "logStreamName": stream,
        "limit": LINES,
        "startFromHead": False,
        **place.period,
    }
    token = None
    for _ in range(_EMPTY_PAGES):
        answer = logs.get_log_events(**asked, **({"nextToken": token} if token else {}))
        if events := answer.get("events"):
            return list(events)
        if answer.get("nextBackwardToken") in (None, token):
            break
        token = answer["nextBackwardToken"]
    return []


def _machine(stream: str, streams: list[str]) -> str:
    """Return `[algo-2] ` where several machines wrote, else nothing."""
    return f"[{stream.rsplit('/', 1)[-1].rpartition('-')[0]}] " if len(streams) > 1 else ""


def _period(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return a step's time in ms, a little wider: a Lambda's log holds other calls as well."""
    names = {"startTime": ("StartTime", -_SLACK_MS), "endTime": ("EndTime", _SLACK_MS)}
    return {
        member: int(summary[name].timestamp() * 1000) + slack
        for member, (name, slack) in names.items()
        if name in summary
    }


def printable(text: str) -> str:
    """Return a line without what would move the cursor or change colours."""
    return "".join(_visible(text.rstrip().replace("\t", "    ")))


def _visible(text: str) -> Iterator[str]:
    return (character for character in text if character.isprintable())


def excuse(error: Exception) -> str:
    """Say why a log cannot be read."""
    if is_denied(error):
        return f"its log may not be read with these credentials: {message_of(error)}"
    return f"its log cannot be read: {message_of(error)}"


def tail_command(aws: Aws, place: LogPlace) -> str:
    """Return the command that shows a log."""
    prefix = f" --log-stream-name-prefix {place.prefix}" if place.prefix else ""
    return f"aws logs tail {place.group}{prefix} --since 1d --region {aws.region}"
