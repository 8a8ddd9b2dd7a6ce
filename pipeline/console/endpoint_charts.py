"""Lay out what CloudWatch counted of an endpoint, minute by minute."""

from typing import TYPE_CHECKING

from pipeline.console.charts import Chart, line_chart

if TYPE_CHECKING:
    from pipeline.aws.endpoint_metrics import LastHour, Minute

_ACROSS = "minute"


def minute_charts(hour: "LastHour") -> list[Chart]:
    """Lay out requests and slowest answers; nothing for fewer than two minutes with requests.

    Minutes are counted back from the last one that had any.
    """
    if len(hour.minutes) < 2:
        return []
    by_minute = {_ago(one, hour): one for one in hour.minutes}
    counts = {
        name: [(ago, _count(by_minute.get(ago), field)) for ago in range(min(by_minute), 1)]
        for name, field in (("all", "requests"), ("4xx", "refused"), ("5xx", "failed"))
    }
    words = (
        f"requests by minute of the last hour: {hour.requests:,} in all, {hour.refused:,} got 4xx "
        f"and {hour.failed:,} 5xx"
    )
    charts = [line_chart("Requests a minute", words, counts, _ACROSS)]
    timed = [(ago, one.slowest) for ago, one in by_minute.items() if one.slowest is not None]
    if len(timed) > 1:
        words = f"milliseconds within which 99 % were answered, by minute; last {timed[-1][1]:.0f}"
        lines = {"99 % within": timed}
        charts.append(line_chart("Milliseconds", words, lines, _ACROSS))
    return charts


def _ago(one: "Minute", hour: "LastHour") -> int:
    return round((one.at - hour.minutes[-1].at).total_seconds() / 60)


def _count(one: "Minute | None", field: str) -> float:
    """Return a minute's count; one without requests is not told of."""
    return float(getattr(one, field)) if one else 0.0
