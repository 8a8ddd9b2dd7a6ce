"""Classes in an endpoint's answers: counted in its log, within bounds."""

import json
from datetime import timedelta
from typing import Any

from pipeline.aws.endpoint_classes import read_classes
from tests.pipeline.aws.aws_support import NOW, Cloud

START = NOW - timedelta(hours=1)


def page(*counts: dict[str, int], more: str = "") -> dict[str, Any]:
    lines = [json.dumps({"Requests": 1, "Classes": one}) for one in counts]
    events = [{"timestamp": 1, "message": line} for line in lines]
    return {"events": events, **({"nextToken": more} if more else {})}


def test_lines_are_added_up_page_by_page() -> None:
    cloud = Cloud()
    cloud.expect("logs", "filter_log_events", page({"pug": 2}, {"pug": 1, "boxer": 1}, more="x"))
    cloud.expect("logs", "filter_log_events", page({"boxer": 4}))
    assert read_classes(cloud.aws, "dogs", START, NOW) == ({"pug": 3, "boxer": 5}, "")
    cloud.verify()


def test_of_very_many_lines_some_are_counted_and_that_is_said() -> None:
    cloud = Cloud()
    for number in range(3):
        cloud.expect("logs", "filter_log_events", page({"pug": 1}, more=f"x{number}"))
    counts, problem = read_classes(cloud.aws, "dogs", START, NOW)
    assert counts == {"pug": 3} and "in the first of its answers only" in problem
    cloud.verify()


def test_an_endpoint_that_has_logged_nothing_has_no_classes() -> None:
    cloud = Cloud()
    cloud.refuse("logs", "filter_log_events", "ResourceNotFoundException")
    assert read_classes(cloud.aws, "dogs", START, NOW) == ({}, "")
