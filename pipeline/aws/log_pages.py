"""Read whole logs from CloudWatch Logs, a part at a time, in either direction."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import error_code
from pipeline.aws.log_parts import START, Asked, LogLines
from pipeline.aws.logs import LogPlace, excuse, printable, tail_command
from pipeline.errors import UsageError

LINES = 1000
_STREAMS = 50  # the most that are listed at once
_EMPTY_PAGES = 5  # CloudWatch answers without lines where there still are some
_MARK = re.compile(r"[!-~]{1,500}")


def read_part(aws: Aws, place: LogPlace, asked: Asked) -> LogLines:
    """Read at most LINES lines of a log. A log that cannot be read is a note.

    Raises UsageError for a stream that the log does not have, or a mark that is none.
    """
    for mark in filter(None, (asked.before, asked.after)):
        if not _MARK.fullmatch(mark):
            raise UsageError(f"{mark[:50]!r} marks no place in a log")
    logs, command = aws.client("logs"), tail_command(aws, place)
    try:
        if place.prefix is None:
            return _of_period(logs, place, asked, command)
        return _of_stream(logs, place, place.prefix, asked, command)
    except (ClientError, BotoCoreError) as error:
        # The group comes into being with the first job that writes.
        if error_code(error) == "ResourceNotFoundException":
            return _nothing(command)
        return LogLines(note=f"{excuse(error)}.", command=command)


def _nothing(command: str) -> LogLines:
    note = "Its log is empty: its code has not begun, ended before it began, or its lines are gone."
    return LogLines(note=note, command=command)


def _of_stream(logs: Any, place: LogPlace, prefix: str, asked: Asked, command: str) -> LogLines:
    """Read a part of what one machine of a job wrote."""
    answer = logs.describe_log_streams(
        logGroupName=place.group, logStreamNamePrefix=prefix, limit=_STREAMS
    )
    streams = tuple(str(one["logStreamName"]) for one in answer.get("logStreams", []))
    if not streams:
        return _nothing(command)
    stream = asked.stream or streams[0]
    if stream not in streams:
        raise UsageError(f"this log has no stream {stream!r}: it has {', '.join(streams)}")
    mark = asked.after or asked.before
    request = {
        "logGroupName": place.group,
        "logStreamName": stream,
        "limit": LINES,
        "startFromHead": bool(asked.after),
    }
    found, token = _events(
        logs.get_log_events,
        request,
        "" if mark == START else mark,
        "nextForwardToken" if asked.after else "nextBackwardToken",
    )
    lines = tuple(printable(event["message"]) for event in found.get("events", ()))
    # The token that was asked with comes back where nothing lies beyond.
    return LogLines(
        lines,
        "" if asked.before and token == mark else str(found.get("nextBackwardToken", "")),
        "" if not mark or token == mark else str(found.get("nextForwardToken", "")),
        stream,
        streams,
        "" if lines else "There are no lines beyond these.",
        command,
    )


def _of_period(logs: Any, place: LogPlace, asked: Asked, command: str) -> LogLines:
    """Read a part of what a function wrote in a step's time: forwards, it goes no other way."""
    request = {"logGroupName": place.group, "limit": LINES, **place.period}
    mark = "" if asked.after == START else asked.after
    found, token = _events(logs.filter_log_events, request, mark, "nextToken")
    lines = tuple(printable(event["message"]) for event in found.get("events", ()))
    note = "" if lines else "There are no lines in the time of this step."
    return LogLines(lines, "", token, note=note, command=command)


def _events(
    read: Callable[..., Mapping[str, Any]], request: Mapping[str, Any], token: str, beyond: str
) -> tuple[Mapping[str, Any], str]:
    """Return the next answer that has lines, or the last one, and the token of what is beyond."""
    answer: Mapping[str, Any] = {}
    for _ in range(_EMPTY_PAGES):
        answer = read(**request, **({"nextToken": token} if token else {}))
        following = str(answer.get(beyond) or "")
        if answer.get("events") or following in ("", token):
            return answer, following
        token = following
    return answer, token
