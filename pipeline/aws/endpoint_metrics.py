"""Read what CloudWatch counted of endpoints in the last hour, and how their alarms are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.endpoint_classes import read_classes
from pipeline.aws.errors import is_denied, message_of

MINUTES = 60
_MINUTE = timedelta(minutes=1)
_NAMESPACE = "AWS/SageMaker"
_AT_ONCE = 500  # metrics that one request may ask for
_MILLI = 1000  # microseconds
_ALARMS = ("errors", "latency")  # as infra/template.yaml names them, after the endpoint
# What a page of one endpoint shows, by the metric and how a minute of it is put together.
_COUNTS = {
    "requests": ("Invocations", "Sum"),
    "refused": ("Invocation4XXErrors", "Sum"),
    "failed": ("Invocation5XXErrors", "Sum"),
    "time": ("ModelLatency", "Sum"),
    "timed": ("ModelLatency", "SampleCount"),
}
_MORE = {
    "slowest": ("ModelLatency", "p99"),
    "around": ("OverheadLatency", "Sum"),
    "arounds": ("OverheadLatency", "SampleCount"),
}

Series = Mapping[datetime, float]


@dataclass(frozen=True)
class Minute:
    """A minute with requests: how many, how many got 4xx and 5xx; `slowest`: ms of the 99 %."""

    at: datetime
    requests: int
    refused: int
    failed: int
    slowest: float | None


@dataclass(frozen=True)
class Alarm:
    """An alarm that rolls deployments back; `state` is CloudWatch's word, `reason` its sentence."""

    name: str
    state: str
    about: str
    reason: str
    since: datetime | None


@dataclass(frozen=True)
class LastHour:
    """What CloudWatch counted of an endpoint in the last hour, times in milliseconds.

    Without `is_known` its numbers mean nothing; `problem` says why not all is known.
    """

    is_known: bool
    requests: int = 0
    refused: int = 0
    failed: int = 0
    mean: float | None = None
    around: float | None = None
    minutes: tuple[Minute, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


def read_hours(
    aws: Aws, endpoints: Mapping[str, Sequence[str]], now: datetime
) -> dict[str, LastHour]:
    """Return the sums of endpoints, given the names of their variants. Never raises."""
    found, problem = _ask(aws, endpoints, _COUNTS, now)
    return {name: _hour(found[name], problem) for name in endpoints}


def read_hour(aws: Aws, endpoint: str, variants: Sequence[str], now: datetime) -> LastHour:
    """Return all of one endpoint: by minute, by class, with its alarms. Never raises."""
    found, problem = _ask(aws, {endpoint: variants}, _COUNTS | _MORE, now)
    alarms, other = _alarms(aws, endpoint)
    classes, third = read_classes(aws, endpoint, *_period(now))
    problems = " ".join(filter(None, (problem, other, third)))
    hour = _hour(found[endpoint], problem)
    return replace(hour, alarms=alarms, classes=classes, problem=problems)


def _hour(found: Mapping[str, Series], problem: str) -> LastHour:
    if problem:
        return LastHour(is_known=False, problem=problem)
    total = {name: sum(series.values()) for name, series in found.items()}
    return LastHour(
        is_known=True,
        requests=round(total["requests"]),
        refused=round(total["refused"]),
        failed=round(total["failed"]),
        mean=_mean(total["time"], total["timed"]),
        around=_mean(total.get("around", 0.0), total.get("arounds", 0.0)),
        minutes=tuple(_minutes(found)) if "slowest" in found else (),
    )


def _mean(microseconds: float, count: float) -> float | None:
    return microseconds / count / _MILLI if count else None


def _minutes(found: Mapping[str, Series]) -> Iterator[Minute]:
    for at in sorted(set().union(*(found[name] for name in ("requests", "refused", "failed")))):
        slowest = found["slowest"].get(at)
        yield Minute(
            at,
            round(found["requests"].get(at, 0)),
            round(found["refused"].get(at, 0)),
            round(found["failed"].get(at, 0)),
            None if slowest is None else slowest / _MILLI,
        )


def _ask(
    aws: Aws,
    endpoints: Mapping[str, Sequence[str]],
    metrics: Mapping[str, tuple[str, str]],
    now: datetime,
) -> tuple[dict[str, dict[str, dict[datetime, float]]], str]:
    """Return {endpoint: {what: {minute: value}}} and why not all of it is known."""
    found = {name: {what: dict[datetime, float]() for what in metrics} for name in endpoints}
    places, queries = {}, list[dict[str, Any]]()
    for endpoint, variants in endpoints.items():
        for variant in variants:
            for what, (metric, statistic) in metrics.items():
                own = f"m{len(queries)}"
                places[own] = found[endpoint][what], what
                queries.append(_query(own, endpoint, variant, metric, statistic))
    problem = ""
    try:
        for start in range(0, len(queries), _AT_ONCE):
            for result in _results(aws, queries[start : start + _AT_ONCE], now):
                _add(*places[result["Id"]], result)
                if result.get("StatusCode") in ("InternalError", "Forbidden"):
                    problem = f"CloudWatch did not tell all: {result['StatusCode']}."
    except (ClientError, BotoCoreError) as error:
        problem = _excuse(error, "CloudWatch's numbers")
    return found, problem


def _query(own: str, endpoint: str, variant: str, metric: str, statistic: str) -> dict[str, Any]:
    names = {"EndpointName": endpoint, "VariantName": variant}
    return {
        "Id": own,
        "MetricStat": {
            "Metric": {
                "Namespace": _NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()],
            },
            "Period": int(_MINUTE.total_seconds()),
            "Stat": statistic,
        },
    }


def _results(aws: Aws, queries: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Any]:
    start, end = _period(now)
    pages = (
        aws.client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries,
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
        )
    )
    for page in pages:
        yield from page["MetricDataResults"]


def _period(now: datetime) -> tuple[datetime, datetime]:
    """Return the last hour in whole minutes: what is asked again within one is the same request."""
    end = now.replace(second=0, microsecond=0)
    return end - MINUTES * _MINUTE, end


def _add(series: dict[datetime, float], what: str, result: Mapping[str, Any]) -> None:
    """Add a variant's values to those of its endpoint: sums add up, the slowest counts."""
    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
        minute = at.astimezone(UTC)
        before = series.get(minute, 0.0)
        series[minute] = max(before, value) if what == "slowest" else before + value


def _alarms(aws: Aws, endpoint: str) -> tuple[tuple[Alarm, ...], str]:
    names = [f"{endpoint}-{kind}" for kind in _ALARMS]
    try:
        answer = aws.client("cloudwatch").describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm"]
        )
    except (ClientError, BotoCoreError) as error:
        return (), _excuse(error, "its alarms")
    return tuple(_alarm(one) for one in answer.get("MetricAlarms", ())), ""


def _alarm(found: Mapping[str, Any]) -> Alarm:
    return Alarm(
        str(found["AlarmName"]),
        str(found.get("StateValue", "INSUFFICIENT_DATA")),
        str(found.get("AlarmDescription", "")),
        str(found.get("StateReason", "")),
        found.get("StateUpdatedTimestamp"),
    )


def _excuse(error: Exception, what: str) -> str:
    if is_denied(error):
        return f"With these credentials {what} may not be read: {message_of(error)}."
    return f"Of AWS, {what} cannot be read: {message_of(error)}."
