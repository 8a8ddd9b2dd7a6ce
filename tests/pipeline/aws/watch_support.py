"""CloudWatch and its logs without AWS: numbers, alarms and lines as its API tells of them."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.validate import ParamValidator

LINES = ("decoding", "Traceback: no such class")
Answer = tuple[SimpleNamespace, Mapping[str, Any]]


@dataclass
class Watch:
    """`values` by metric, statistic and minutes ago, of every endpoint; `alarms` as described."""

    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    _now: threading.local = field(default_factory=threading.local)

    def listen(self, client: Any) -> None:
        """Answer what a client asks, after whatever remembers answers."""
        client.meta.events.register("provide-client-params.cloudwatch", self._hear)
        client.meta.events.register("before-call.cloudwatch", self._answer)

    def _hear(self, params: Mapping[str, Any], **_others: Any) -> None:
        self.asked.append(params)
        self._now.params = params

    def _answer(self, model: Any, **_others: Any) -> Answer:
        self.sent.append(model.name)
        if model.name in self.refused:
            code, message = self.refused[model.name]
            return SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": message}}
        answers = {"GetMetricData": self._data, "DescribeAlarms": self._described}
        answer = answers[model.name](self._now.params)
        problems = ParamValidator().validate(answer, model.output_shape)
        assert not problems.has_errors(), problems.generate_report()
        return SimpleNamespace(status_code=200), answer

    def _data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "MetricDataResults": [
                {"Id": query["Id"], "StatusCode": "Complete", **self._series(query, asked)}
                for query in asked["MetricDataQueries"]
            ]
        }

    def _series(self, query: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        stat = query["MetricStat"]
        known = self.values.get((stat["Metric"]["MetricName"], stat["Stat"]), {})
        minutes: dict[datetime, float] = {
            asked["EndTime"] - timedelta(minutes=ago): value for ago, value in known.items()
        }
        shown = {at: value for at, value in sorted(minutes.items()) if at >= asked["StartTime"]}
        return {"Timestamps": list(shown), "Values": list(shown.values())}

    def _described(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"MetricAlarms": [a for a in self.alarms if a["AlarmName"] in asked["AlarmNames"]]}


@dataclass
class Logs:
    """The log of every job: `lines`, the same of each of its `machines`; `counted` of endpoints."""

    lines: Sequence[str] = LINES
    machines: int = 1
    counted: Sequence[str] = ()

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer as CloudWatch Logs documents it."""
        if operation == "DescribeLogStreams":
            prefix = asked.get("logStreamNamePrefix", "newest/")
            names = [f"{prefix}algo-{number + 1}-16" for number in range(self.machines)]
            return {"logStreams": [{"logStreamName": name} for name in names]}
        if operation == "FilterLogEvents":
            return self._filtered(asked)
        assert operation == "GetLogEvents"
        return self._page(asked)

    def _page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A page beyond a token; at either end the token that was asked with comes back."""
        token, most = asked.get("nextToken"), asked["limit"]
        way, _, place = (token or ("f/0" if asked["startFromHead"] else "b/end")).partition("/")
        at = len(self.lines) if place == "end" else int(place)
        start, end = (at, at + most) if way == "f" else (max(0, at - most), at)
        return {
            "events": self._events(start, end),
            "nextForwardToken": f"f/{min(end, len(self.lines))}",
            "nextBackwardToken": f"b/{start}",
        }

    def _filtered(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "filterPattern" in asked:
            is_endpoint = "/Endpoints/" in asked["logGroupName"]
            lines = self.counted if is_endpoint else ()
            return {"events": [{"timestamp": 0, "message": line} for line in lines]}
        start = int(asked.get("nextToken", 0))
        end = start + asked["limit"]
        more = {"nextToken": str(end)} if end < len(self.lines) else {}
        return {"events": self._events(start, end), **more}

    def _events(self, start: int, end: int) -> list[dict[str, Any]]:
        shown = self.lines[start:end]
        return [{"timestamp": start + n, "message": line} for n, line in enumerate(shown)]
