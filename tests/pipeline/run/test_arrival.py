"""What an endpoint's description and tags mean for what a run deployed, and how long that waits.

The tags are those that the deploying function writes: tests/lambda_code/test_staging_endpoint.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.errors import PipelineError
from pipeline.run.arrival import Deployed, NotInServiceError, Place, SupersededError, await_arrival
from staging_endpoint import BEGUN, FAILED, WANTED

ARN = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/e"
Look = tuple[dict[str, Any] | None, dict[str, str]]


class SageMaker:
    """Answers one look after the other; the last one for ever."""

    def __init__(self, looks: list[Look]) -> None:
        self._looks: Iterator[Look] = iter(looks)
        self._last = looks[-1]
        self.slept: list[float] = []
        self.said: list[str] = []
        self.next()

    def next(self) -> None:
        self.look = next(self._looks, self._last)

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        if self.look[0] is None:
            error = {"Code": "ValidationException", "Message": f'Could not find endpoint "{ARN}".'}
            raise ClientError({"Error": error}, "DescribeEndpoint")
        return {"EndpointName": EndpointName, "EndpointArn": ARN, **self.look[0]}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        assert ResourceArn == ARN
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.look[1].items()]}

    def place(self, limit_s: float | None = None) -> Place:
        def call(_doing: str, do: Callable[[], Any]) -> Any:
            return do()

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            assert len(self.slept) < 100, "this waits for ever"
            self.next()

        return Place(self, None, call, sleep, self.said.append, poll_s=15.0, limit_s=limit_s)


def endpoint(status: str, config: str, pending: str = "", reason: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"EndpointStatus": status, "EndpointConfigName": config}
    if pending:
        found["PendingDeploymentSummary"] = {"EndpointConfigName": pending}
    return found | ({"FailureReason": reason} if reason else {})


def tags(wanted: str, begun: str) -> dict[str, str]:
    return {WANTED: wanted, BEGUN: begun}


OURS, THERE = tags("ours", "ours"), (endpoint("InService", "ours"), tags("ours", "ours"))


@pytest.mark.parametrize(
    "looks",
    [
        [THERE],
        [(endpoint("Creating", "ours"), OURS), THERE],
        [(endpoint("Updating", "old", "ours"), OURS), THERE],
        [(endpoint("Updating", "old", "other"), tags("ours", "-")), THERE],  # it waits its turn
        [(endpoint("InService", "other"), tags("ours", "-")), THERE],  # the event is on its way
        [(endpoint("Failed", "other", reason="x"), tags("ours", "-")), (None, {}), THERE],
        [(endpoint("InService", "old"), tags("old", "old")), THERE],  # tags are seen a little late
        [(endpoint("InService", "ours"), tags("newer", "-"))],  # what waits comes after us
        [(endpoint("InService", "ours"), {})],  # an endpoint without turns
    ],
)
def test_it_waits_until_the_endpoint_has_it(looks: list[Look]) -> None:
    sagemaker = SageMaker(looks)
    await_arrival(sagemaker.place(), Deployed("e", "ours"))
    assert len(sagemaker.slept) == len(looks) - 1


@pytest.mark.parametrize(
    ("look", "error", "words"),
    [
        ((endpoint("Failed", "ours", reason="no ping"), OURS), NotInServiceError, "no ping"),
        ((endpoint("InService", "old", reason="no ping"), OURS), NotInServiceError, "no ping"),
        ((endpoint("InService", "old"), OURS), NotInServiceError, "went back, and it has old now"),
        ((endpoint("InService", "old", reason="no ping"), {}), NotInServiceError, "no ping"),
        # before another run's model took its place
        (
            (endpoint("Creating", "theirs"), tags("theirs", "theirs") | {FAILED: "ours"}),
            NotInServiceError,
            "it has theirs now",
        ),
        ((endpoint("InService", "old"), tags("theirs", "theirs")), SupersededError, "theirs"),
        ((endpoint("Updating", "x", "theirs"), tags("theirs", "theirs")), SupersededError, "their"),
        ((endpoint("Updating", "x", "y"), tags("theirs", "-")), SupersededError, "theirs"),
        ((endpoint("InService", "by-hand"), {}), SupersededError, "by-hand"),
    ],
)
def test_what_will_not_come_is_said(look: Look, error: type[PipelineError], words: str) -> None:
    with pytest.raises(error, match=words):
        await_arrival(SageMaker([look]).place(), Deployed("e", "ours"))


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ((endpoint("InService", "old"), tags("ours", "-")), "turn did not come in 915 s: see the"),
        ((None, {}), "still absent after 315 s"),
    ],
)
def test_an_event_that_was_lost_ends_the_waiting(look: Look, words: str) -> None:
    with pytest.raises(NotInServiceError, match=words):
        await_arrival(SageMaker([look]).place(), Deployed("e", "ours"))


def test_as_long_as_sagemaker_is_at_work_it_waits_unless_limited() -> None:
    busy = (endpoint("Updating", "old", "ours"), OURS)
    patient = SageMaker([*[busy] * 90, THERE])
    await_arrival(patient.place(), Deployed("e", "ours"))
    assert patient.said == ["endpoint e: Updating"]
    with pytest.raises(NotInServiceError, match="still Updating after 60 s"):
        await_arrival(SageMaker([busy]).place(limit_s=50), Deployed("e", "ours"))


def test_whose_turn_it_is_is_said_once() -> None:
    waits = (endpoint("Updating", "old", "other"), tags("ours", "-"))
    sagemaker = SageMaker([waits, waits, (endpoint("Updating", "other", "ours"), OURS), THERE])
    await_arrival(sagemaker.place(), Deployed("e", "ours"))
    assert sagemaker.said == [
        "endpoint e: waits its turn (it is Updating with old)",
        "endpoint e: Updating",
    ]
