"""The endpoints of an account, with what CloudWatch counted of them and how their alarms are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.store import Store
from tests.pipeline.console.account_support import Cloud, create_endpoint, visitor
from tests.pipeline.console.registry_support import RegistryVisitor

NAME = "dogs-production"
PAGES = ("/endpoints", f"/endpoints/{NAME}")


@pytest.fixture
def cloud(store: Store) -> Cloud:
    made = Cloud(store)
    create_endpoint(store, NAME)
    made.watch.values = {
        ("Invocations", "Sum"): {1: 600, 30: 400, 61: 9000},
        ("Invocation4XXErrors", "Sum"): {1: 10},
        ("Invocation5XXErrors", "Sum"): {30: 2},
        ("ModelLatency", "Sum"): {1: 600 * 20_000, 30: 400 * 45_000},
        ("ModelLatency", "SampleCount"): {1: 600, 30: 400},
        ("ModelLatency", "p99"): {1: 80_000, 30: 123_456},
        ("OverheadLatency", "Sum"): {1: 600 * 3_000},
        ("OverheadLatency", "SampleCount"): {1: 600},
    }
    made.watch.alarms = [alarm(f"{NAME}-errors", "OK"), alarm(f"{NAME}-latency", "ALARM")]
    made.watch.alarms += [alarm("others-errors", "ALARM")]
    return made


@pytest.fixture
def console(cloud: Cloud, tmp_path: Path) -> RegistryVisitor:
    return visitor(cloud, tmp_path / "console")


def alarm(name: str, state: str) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "StateValue": state,
        "AlarmDescription": "share of requests <b>",
        "StateReason": "3 datapoints were <i>",
        "StateUpdatedTimestamp": datetime(2026, 11, 29, 12, tzinfo=UTC),
    }


def test_the_list_has_the_last_hour(console: RegistryVisitor) -> None:
    assert "1,000 12 30.0 ms" in console.read("/endpoints")


def test_an_endpoint_has_its_times_and_alarms(console: RegistryVisitor) -> None:
    page = console.read(f"/endpoints/{NAME}")
    assert "Requests 1,000; 10 were refused (4xx), 2 failed (5xx)" in page
    assert "30.0 ms in the model, 3.0 ms around it" in page
    assert "99 % within 80.0 ms in the minute of" in page
    assert f"{NAME}-errors quiet since 2026-11-29 12:00 UTC: Share of requests <b>." in page
    assert f"{NAME}-latency alarm since" in page and "others-errors" not in page
    raw = console.get(f"/endpoints/{NAME}")
    assert "<b>" not in raw and "<i>" not in raw
    assert "requests by minute of the last hour: 1,000 in all, 10 got 4xx and 2 5xx" in raw


def test_its_answers_are_counted_by_class_from_its_own_log(
    console: RegistryVisitor, cloud: Cloud
) -> None:
    cloud.logs.counted = [
        '{"Requests": 3, "Classes": {"<b>beagle": 2, "pug": 1}}',
        '{"Requests": 1, "Classes": {"<b>beagle": 1}}',
        *("no JSON", "[]", '{"Classes": 3}', '{"Classes": {"boxer": "many", "chow": -1}}'),
    ]
    page = console.read(f"/endpoints/{NAME}")
    assert "Classes in its answers" in page
    assert "<b>beagle 3 75.0%" in page and "pug 1 25.0%" in page
    assert "boxer" not in page and "<b>" not in console.get(f"/endpoints/{NAME}")


def test_a_log_that_may_not_be_read_leaves_the_other_numbers(
    console: RegistryVisitor, cloud: Cloud
) -> None:
    cloud.refused["FilterLogEvents"] = ("AccessDeniedException", "not for you")
    page = console.read(f"/endpoints/{NAME}")
    assert "Of the classes in its answers, its log may not be read" in page
    assert "Requests 1,000" in page


def test_every_metric_of_every_endpoint_is_one_request(
    console: RegistryVisitor, cloud: Cloud
) -> None:
    console.get("/endpoints")
    assert cloud.sent.count("GetMetricData") == 1
    queries = cloud.watch.asked[0]["MetricDataQueries"]
    assert len(queries) == 5 and len({query["Id"] for query in queries}) == 5
    console.get("/endpoints")
    assert cloud.sent.count("GetMetricData") == 1  # remembered


def test_without_requests_there_are_no_numbers_but_zeros(
    console: RegistryVisitor, cloud: Cloud
) -> None:
    cloud.watch.values.clear()
    cloud.watch.alarms.clear()
    page = console.read(f"/endpoints/{NAME}")
    assert "Requests 0; 0 were refused (4xx), 0 failed (5xx)" in page
    assert "Mean time" not in page and "Alarms" not in page
    assert "0 0 -" in console.read("/endpoints")


@pytest.mark.parametrize("path", PAGES)
def test_numbers_that_may_not_be_read_are_no_zeros(
    console: RegistryVisitor, cloud: Cloud, path: str
) -> None:
    for operation in ("GetMetricData", "DescribeAlarms"):
        cloud.refused[operation] = ("AccessDenied", "not for you")
    page = console.read(path)
    assert "CloudWatch's numbers may not be read: not for you." in page
    assert "Requests 0" not in page and "0 0 -" not in page
    assert "InService" in page


def test_an_endpoint_that_is_not_there_is_not_counted(
    console: RegistryVisitor, cloud: Cloud
) -> None:
    console.get("/endpoints/none", 404)
    assert "GetMetricData" not in cloud.sent
