"""What is counted when an endpoint is measured."""

import threading
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.endpoint_bench import measure, percentile

PICTURES = [(b"a", "image/jpeg"), (b"b", "image/png")]


def test_so_many_ask_at_a_time_and_the_pictures_take_turns() -> None:
    lock, now, most, asked = threading.Lock(), [0], [0], []

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            asked.append((picture, kind))
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return 200, b""

    one, four = measure(invoke, PICTURES, [1, 4], 0.3)
    assert most[0] == 4
    assert (one.concurrency, four.concurrency) == (1, 4)
    assert set(asked) == set(PICTURES)
    assert four.per_second > one.per_second
    for level in (one, four):
        assert level.failed == 0
        assert level.p50 is not None and level.slowest is not None
        assert 10 <= level.p50 <= level.slowest


def test_what_is_no_good_answer_is_counted_and_not_timed() -> None:
    refused = ClientError(
        {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "InvokeEndpoint"
    )
    answers = iter([(200, b"")] * 4 + [(422, b""), refused, ConnectionClosedError(endpoint_url="")])

    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        answer = next(answers, refused)
        if isinstance(answer, Exception):
            raise answer
        return answer

    (level,) = measure(invoke, PICTURES, [1], 0.05)
    assert level.statuses[200] == 1  # three others came before the measuring
    assert level.statuses[422] == level.statuses[0] == 1
    assert level.statuses[503] >= 1
    assert level.failed == level.requests - 1
    assert level.to_dict()["statuses"]["422"] == 1


def test_a_slow_endpoint_is_asked_at_least_once() -> None:
    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        time.sleep(0.02)
        return 200, b""

    (level,) = measure(invoke, PICTURES, [1], 0.001)
    assert level.requests >= 1


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
