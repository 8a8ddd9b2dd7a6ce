"""What is counted when an endpoint is measured."""

import threading

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.endpoint.bench import measure, percentile
from tests.patience import PATIENCE

PICTURES = [(b"a", "image/jpeg"), (b"b", "image/png")]


class Clock:
    """Time that passes only while an answer is awaited: a second for each."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += 1


def test_so_many_ask_at_a_time_and_the_pictures_take_turns() -> None:
    clock, asked = Clock(), []
    together = [threading.Barrier(parties, clock.tick) for parties in (1, 4)]

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        asked.append((picture, kind))
        together[0].wait(PATIENCE)  # none is answered before all who ask at a time have asked
        return 200, b""

    one, four = measure(invoke, PICTURES, [1, 4], 2, lambda _: together.pop(0), clock=clock)
    warm, alone, rest = asked[:3], asked[3:5], asked[5:]
    assert len(warm) == 3
    assert alone == PICTURES
    assert sorted(rest) == sorted(PICTURES * 4)
    for level, concurrency in ((one, 1), (four, 4)):
        assert (level.concurrency, level.per_second) == (concurrency, concurrency)
        assert (level.requests, level.failed, level.seconds) == (2 * concurrency, 0, 2)
        assert level.p50 == level.slowest == 1000


def test_what_is_no_good_answer_is_counted_and_not_timed() -> None:
    clock = Clock()
    refused = ClientError(
        {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "InvokeEndpoint"
    )
    answers = iter([(200, b"")] * 4 + [(422, b""), refused, ConnectionClosedError(endpoint_url="")])

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        clock.tick()
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    (level,) = measure(invoke, PICTURES, [1], 4, clock=clock)
    assert level.statuses == {200: 1, 422: 1, 503: 1, 0: 1}  # three came before the measuring
    assert (level.requests, level.failed, level.per_second) == (4, 3, 0.25)
    assert list(level.statuses) == [0, 200, 422, 503]


def test_a_slow_endpoint_is_asked_at_least_once() -> None:
    clock = Clock()

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        clock.tick()
        return 200, b""

    (level,) = measure(invoke, PICTURES, [1], 0, clock=clock)
    assert level.requests == 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_a_measured_value_that_enough_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_without_answers_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None
    (level,) = measure(lambda picture, kind: (503, b""), PICTURES, [2], 0.01)
    assert (level.p50, level.slowest, level.per_second) == (None, None, 0)
    assert level.failed == level.requests == pytest.approx(level.statuses[503])
