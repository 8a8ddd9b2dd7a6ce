"""Numbers of endpoints: of all variants together, in few requests, and never made up."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pipeline.aws.endpoint_metrics import read_hour, read_hours
from tests.pipeline.aws.aws_support import NOW, Cloud

END = NOW.replace(second=0, microsecond=0)
OLD, NEW = END - timedelta(minutes=2), END - timedelta(minutes=1)


def results(values: Mapping[int, Mapping[Any, float]], of: int) -> dict[str, Any]:
    """Answer `of` queries; `values` by the number of the query, and minute."""
    return {
        "MetricDataResults": [
            {
                "Id": f"m{number}",
                "Timestamps": list(values.get(number, {})),
                "Values": list(values.get(number, {}).values()),
                "StatusCode": "Complete",
            }
            for number in range(of)
        ]
    }


def test_variants_are_put_together() -> None:
    cloud = Cloud()
    counted = {0: {OLD: 3.0, NEW: 1.0}, 3: {OLD: 6000.0}, 4: {OLD: 3.0}, 5: {OLD: 90_000.0}}
    other = {8: {OLD: 5.0}, 10: {NEW: 2.0}, 11: {OLD: 2000.0}, 12: {OLD: 5.0}, 13: {OLD: 99_000.0}}
    cloud.expect("cloudwatch", "get_metric_data", results(counted | other, 16))
    cloud.expect("cloudwatch", "describe_alarms", {})
    cloud.refuse("logs", "filter_log_events", "ResourceNotFoundException")
    hour = read_hour(cloud.aws, "dogs", ["A", "B"], NOW)
    assert (hour.requests, hour.refused, hour.failed) == (9, 0, 2)
    assert hour.mean == 1.0 and hour.around is None
    assert [(m.at, m.requests, m.failed, m.slowest) for m in hour.minutes] == [
        (OLD, 8, 0, 99.0),
        (NEW, 1, 2, None),
    ]
    cloud.verify()


def test_many_endpoints_are_asked_for_by_the_hundreds() -> None:
    cloud = Cloud()
    first = results({0: {NEW: 7.0}}, 500)
    cloud.expect("cloudwatch", "get_metric_data", first)
    last = {"Id": "m500", "Timestamps": [NEW], "Values": [5.0], "StatusCode": "Complete"}
    cloud.expect("cloudwatch", "get_metric_data", {"MetricDataResults": [last]})
    hours = read_hours(cloud.aws, {f"e{number}": ["A"] for number in range(101)}, NOW)
    assert (hours["e0"].requests, hours["e1"].requests, hours["e100"].requests) == (7, 0, 5)
    cloud.verify()


def test_an_answer_that_comes_in_parts_is_added_up() -> None:
    cloud = Cloud()
    cloud.expect("cloudwatch", "get_metric_data", {**results({0: {OLD: 1.0}}, 5), "NextToken": "x"})
    cloud.expect("cloudwatch", "get_metric_data", results({0: {NEW: 2.0}}, 5))
    assert read_hours(cloud.aws, {"dogs": ["A"]}, NOW)["dogs"].requests == 3


def test_what_cloudwatch_does_not_tell_is_not_zero() -> None:
    cloud = Cloud()
    answer = results({}, 5)
    answer["MetricDataResults"][2]["StatusCode"] = "InternalError"
    cloud.expect("cloudwatch", "get_metric_data", answer)
    hour = read_hours(cloud.aws, {"dogs": ["A"]}, NOW)["dogs"]
    assert not hour.is_known and "InternalError" in hour.problem
    cloud.lose("cloudwatch", "get_metric_data")
    hour = read_hours(cloud.aws, {"dogs": ["A"]}, NOW)["dogs"]
    assert not hour.is_known and "cannot be read" in hour.problem


def test_an_endpoint_without_variants_is_not_asked_about() -> None:
    assert read_hours(Cloud().aws, {"dogs": []}, NOW)["dogs"].requests == 0
