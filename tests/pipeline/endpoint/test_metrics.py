"""What a model server counted, read from the very text that ours writes."""

import pytest

from inference_code.server.model_server.health import Work
from pipeline.endpoint.metrics import Stage, read_counted
from serving_metrics import Served, ServingMetrics

HOSTILE = 'a "b"\\c\n# TYPE d\\"} 7'


def server_text(
    *answers: Served,
    before: tuple[int, ...] = (),
    classes: tuple[str, ...],
    tells_unknown: bool = False,
) -> str:
    """The text of a server whose model gave these answers; `before` it, others were refused."""
    clock = iter(range(1000))
    work, metrics = (
        Work(8, lambda: float(next(clock))),
        ServingMetrics(classes, tells_unknown=tells_unknown),
    )
    for answer in answers:
        with work.one_more():
            metrics.add(answer)
        work.answered(answer.status)
    for status in before:
        work.answered(status)
    return work.metrics() + metrics.prometheus()


def answered(label: str, ms: float) -> Served:
    seconds = dict.fromkeys(("decode", "forward", "encode"), ms / 1000)
    return Served(200, seconds, (1,), (label,), (0.5,))


def test_requests_classes_and_times_are_those_of_the_server() -> None:
    answers = [answered(HOSTILE, 2.0)] * 19 + [answered("b", 400.0)]
    found = read_counted(server_text(*answers, classes=(HOSTILE, "b", "c")))
    assert (found.requests, found.refused, found.at_hand, found.is_well) == (20, 0, 0, True)
    assert found.classes == {HOSTILE: 19, "b": 1, "c": 0}
    assert found.mean == 1000.0  # the clock goes on by a second with each look
    mean = pytest.approx((19 * 2 + 400) / 20)
    assert found.stages == tuple(Stage(n, 20, mean, 2.5) for n in ("decode", "forward", "encode"))


def test_pictures_of_no_class_are_counted_where_the_model_can_tell() -> None:
    answers = [Served(200, labels=("a", "a"), unknown=2), Served(200, labels=("a",), unknown=0)]
    assert read_counted(server_text(*answers, classes=("a",), tells_unknown=True)).unknown == 2
    assert read_counted(server_text(answered("a", 2.0), classes=("a",))).unknown is None


def test_what_is_slower_than_every_bound_has_none() -> None:
    found = read_counted(server_text(answered("a", 60_000.0), classes=("a",)))
    assert [stage.most for stage in found.stages] == [None] * 3


def test_refusals_are_named_by_the_model_and_by_the_server_before_it() -> None:
    refused = [Served(422, code="UnusableImage")] * 2 + [Served(413, code="TooManyPixels")]
    found = read_counted(server_text(*refused, before=(413, 429, 418), classes=()))
    assert found.refusals == {
        "UnusableImage": 2,
        "TooManyPixels": 1,
        "the body was too large": 1,
        "too many requests waited": 1,
        "HTTP 418": 1,
    }
    assert found.refused == 6


def test_a_model_of_an_earlier_version_tells_its_refusals_by_status_only() -> None:
    found = read_counted(server_text(Served(413), Served(422), before=(413,), classes=()))
    assert found.refusals == {"HTTP 413": 1, "HTTP 422": 1, "the body was too large": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\n{}{}\nname{a=}",
        'endpoint_requests_total{status="x"} 1',
        'endpoint_requests_total{status="200"} nan',
        "model_decode_seconds_count 0\nmodel_decode_seconds_bucket 1e999",
    ],
)
def test_odd_text_counts_nothing(text: str) -> None:
    found = read_counted(text)
    assert (found.requests, found.classes, found.refusals, found.stages) == (0, {}, {}, ())
