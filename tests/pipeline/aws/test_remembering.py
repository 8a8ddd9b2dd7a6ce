"""What AWS answered is known for a few seconds, and never once something was written."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.aws.remembering import SECONDS, Memory
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.pipeline.aws.aws_support import session
from tests.pipeline.aws.watch_support import Watch


@dataclass
class Asked:
    """A client that remembers, the requests that left it, and its clock."""

    client: Any
    sent: list[str]
    time: float = 0.0

    def groups(self) -> list[str]:
        pages = self.client.get_paginator("list_model_package_groups").paginate(
            PaginationConfig={"MaxItems": 1}
        )
        return [
            one["ModelPackageGroupName"]
            for page in pages
            for one in page["ModelPackageGroupSummaryList"]
        ]


@pytest.fixture
def asked(store: Store) -> Asked:
    found = Asked(sagemaker_client(store), [])
    memory = Memory(lambda: found.time)
    memory.watch(found.client)
    found.client.meta.events.register_first(
        "before-send.sagemaker",
        lambda request, **_: found.sent.append(request.headers["X-Amz-Target"].decode()[10:]),
    )
    for name in ("dogs", "cats"):
        found.client.create_model_package_group(ModelPackageGroupName=name)
    found.sent.clear()
    return found


def test_the_same_question_is_sent_once_in_a_while(asked: Asked) -> None:
    first = asked.groups()
    asked.time += SECONDS - 1
    assert asked.groups() == first
    assert asked.sent == ["ListModelPackageGroups"]
    asked.time += 2
    assert asked.groups() == first
    assert len(asked.sent) == 2


def test_what_is_billed_is_asked_for_once_a_minute() -> None:
    client = session().client("cloudwatch")
    watch, clock = Watch(), [0.0]
    Memory(lambda: clock[0]).watch(client)
    watch.listen(client)
    for clock[0] in (0.0, SECONDS + 1, 59.0, 61.0):
        client.get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=60)
    assert watch.sent == ["GetMetricData"] * 2


def test_another_question_is_another_request(asked: Asked) -> None:
    for name in ("dogs", "cats", "dogs"):
        answer = asked.client.describe_model_package_group(ModelPackageGroupName=name)
        assert answer["ModelPackageGroupName"] == name
    assert asked.sent == ["DescribeModelPackageGroup"] * 2


def test_what_was_written_is_seen_at_once(asked: Asked) -> None:
    asked.groups()
    asked.client.create_model_package_group(ModelPackageGroupName="newest")
    asked.groups()
    assert asked.sent.count("ListModelPackageGroups") == 2


def test_an_error_is_asked_for_again(asked: Asked) -> None:
    for _ in range(2):
        with pytest.raises(ClientError):
            asked.client.describe_model_package_group(ModelPackageGroupName="none")
    assert len(asked.sent) == 2


def test_nobody_changes_what_another_is_given(asked: Asked) -> None:
    asked.client.list_model_package_groups()["ModelPackageGroupSummaryList"].clear()
    assert len(asked.client.list_model_package_groups()["ModelPackageGroupSummaryList"]) == 2


def test_an_answer_that_a_write_overtook_is_not_kept(asked: Asked) -> None:
    def write(**_others: Any) -> None:
        asked.client.meta.events.unregister("before-send.sagemaker.ListModelPackageGroups", write)
        asked.client.create_model_package_group(ModelPackageGroupName="meanwhile")

    asked.client.meta.events.register_first("before-send.sagemaker.ListModelPackageGroups", write)
    asked.groups()
    asked.groups()
    assert asked.sent.count("ListModelPackageGroups") == 2
