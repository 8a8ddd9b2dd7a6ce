"""What is counted of requests: as Prometheus text, and as CloudWatch's embedded metric format."""

import json
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import pytest

import inference
from inference import metrics_text, model_fn, respond
from metrics_log import MetricsLog, open_metrics_log
from prediction import Model
from serving_metrics import Served, ServingMetrics

Picture = Callable[..., bytes]


def numbers(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def served(
    *confidences: float, label: str = "a", ms: float = 2.0, unknown: int | None = None
) -> Served:
    seconds = dict.fromkeys(("decode", "forward", "encode"), ms / 1000)
    labels = (label,) * len(confidences)
    return Served(200, seconds, (len(confidences),), labels, confidences, unknown=unknown)


def test_every_answer_is_counted_with_its_stages_and_classes(
    model_dir: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_fn(str(model_dir))
    seconds = iter([0, 1, 3, 7, 8])
    monkeypatch.setattr(inference, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    assert numbers(metrics_text(model))["model_decode_seconds_count"] == 0  # no warm-up in it
    label = json.loads(respond(model, picture(), "image/jpeg", "").text)["predictions"][0]["label"]
    respond(model, b"junk", "image/jpeg", "")
    found = numbers(metrics_text(model))
    assert found['model_requests_total{status="200"}'] == 1
    assert found['model_requests_total{status="422"}'] == 1
    assert found['model_refusals_total{code="UnusableImage"}'] == 1
    escaped = label.replace('"', '\\"')
    assert found[f'model_predictions_total{{class="{escaped}"}}'] == 1
    for stage, took in {"decode": 1, "forward": 2, "encode": 4}.items():
        assert found[f"model_{stage}_seconds_count"] == 1
        assert found[f"model_{stage}_seconds_sum"] == took
    assert found['model_batch_size_bucket{le="1.0"}'] == 1
    assert found['model_confidence_bucket{le="+Inf"}'] == 1


def test_buckets_count_what_is_at_or_below_their_bound() -> None:
    metrics = ServingMetrics(["a"])
    metrics.add(served(0.1, 0.25, 1.0, ms=2.5))
    found = numbers(metrics.prometheus())
    assert found['model_confidence_bucket{le="0.1"}'] == 1
    assert found['model_confidence_bucket{le="0.2"}'] == 1
    assert found['model_confidence_bucket{le="0.3"}'] == 2
    assert found['model_confidence_bucket{le="1.0"}'] == 3
    assert found['model_decode_seconds_bucket{le="0.001"}'] == 0
    assert found['model_decode_seconds_bucket{le="0.0025"}'] == 1
    assert found["model_confidence_sum"] == pytest.approx(1.35)
    assert found['model_batch_size_bucket{le="2.0"}'] == 0
    assert found['model_batch_size_bucket{le="4.0"}'] == 1


def test_class_names_are_escaped() -> None:
    name = 'a "b"\\c\nd'
    assert r'{class="a \"b\"\\c\nd"} 0' in ServingMetrics([name]).prometheus()


def test_pictures_of_no_class_are_counted_where_the_model_can_tell() -> None:
    metrics, lines = ServingMetrics(["a"], tells_unknown=True), list[str]()
    assert numbers(metrics.prometheus())["model_unknown_total"] == 0
    log = MetricsLog(lines.append, "m", clock=lambda: 0.0)
    for one in (served(0.5, 0.9, unknown=1), served(0.5, unknown=0), Served(422)):
        metrics.add(one)
        log.add(one)
    log.flush()
    log.add(Served(422))
    log.flush()
    assert numbers(metrics.prometheus())["model_unknown_total"] == 1
    first, second = map(json.loads, lines)
    assert first["Unknown"] == 1
    assert {"Name": "Unknown", "Unit": "Count"} in first["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    assert "Unknown" not in second  # a line without any answer


def test_a_model_that_cannot_tell_counts_none(model: Model, picture: Picture) -> None:
    respond(model, picture(), "image/jpeg", "")
    assert "unknown" not in metrics_text(model)


def test_a_line_for_cloudwatch_holds_every_metric_it_declares() -> None:
    lines: list[str] = []
    log = MetricsLog(lines.append, "resnet18-ab", clock=lambda: 0.0)
    for one in (served(0.5), Served(422), Served(500), served(0.75, label="b")):
        log.add(one)
    assert lines == []
    log.flush()
    (line,) = lines
    document = json.loads(line)
    (told,) = document["_aws"]["CloudWatchMetrics"]
    assert told["Dimensions"] == [["Model"]]
    assert document["Model"] == "resnet18-ab"
    for metric in told["Metrics"]:
        value = document[metric["Name"]]
        assert isinstance(value, int | float) or 0 < len(value) <= 100
    assert document["Confidence"] == [0.5, 0.75]
    assert document["DecodeTime"] == [2.0, 2.0]
    assert (document["Requests"], document["Refused"], document["Faults"]) == (4, 1, 1)
    assert document["Classes"] == {"a": 1, "b": 1}
    log.flush()
    assert len(lines) == 1  # nothing came since


def test_each_minute_has_a_line_with_its_own_time() -> None:
    lines: list[str] = []
    now = [1_000.0]  # 16 minutes and 40 seconds
    log = MetricsLog(lines.append, "m", clock=lambda: now[0])
    log.add(Served(500))
    now[0] = 1_019.0
    log.add(served(0.5))
    now[0] = 1_020.0
    log.add(served(0.5))
    log.flush()
    first, second = (json.loads(line) for line in lines)
    assert (first["Faults"], first["Requests"]) == (1, 2)
    assert (second["Faults"], second["Requests"]) == (0, 1)
    assert [one["_aws"]["Timestamp"] for one in (first, second)] == [1_000_000, 1_020_000]


def test_a_fault_is_told_when_its_minute_ends_though_no_request_follows() -> None:
    lines: Queue[str] = Queue()
    log = MetricsLog(lines.put, "m", clock=lambda: 59.99)
    for _ in range(2):  # and again, in another minute
        log.add(Served(500))
        document = json.loads(lines.get(timeout=60))
        assert (document["Faults"], document["_aws"]["Timestamp"]) == (1, 59_990)


def test_a_forked_worker_tells_its_own_requests_only(tmp_path: Path) -> None:
    path = tmp_path / "metrics.log"
    log = open_metrics_log({"SERVING_METRICS_LOG": str(path)}, "m")
    assert log is not None
    log.add(served(0.5, label="a"))

    def work() -> None:
        log.add(served(0.5, label="b"))
        log.flush()

    worker = get_context("fork").Process(target=work)
    worker.start()
    worker.join()
    log.flush()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    # a minute may end between the two, so that the first is the first to be written
    assert sorted((line["Classes"] for line in lines), key=str) == [{"a": 1}, {"b": 1}]


def test_a_line_never_holds_more_values_than_cloudwatch_takes() -> None:
    lines: list[str] = []
    log = MetricsLog(lines.append, "m", clock=lambda: 0.0)
    for count in (60, 40, 60, 41):
        log.add(served(*[0.5] * count))
    log.flush()
    written = [json.loads(line) for line in lines]
    assert [len(line["Confidence"]) for line in written] == [100, 60, 41]  # and none is left out
    assert [line["Classes"]["a"] for line in written] == [100, 60, 41]


def test_an_output_that_cannot_be_written_fails_no_request(
    model: Model, picture: Picture, tmp_path: Path
) -> None:
    log = open_metrics_log({"SERVING_METRICS_LOG": str(tmp_path / "no/such")}, "m")
    assert log is not None
    logged = replace(model, log=log)
    for _ in range(101):
        assert respond(logged, b"", "image/jpeg", "").status == 400
    log.flush()
    assert not (tmp_path / "no").exists()


def test_lines_are_appended_to_the_named_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.log"
    for label in ("a", "b"):
        log = open_metrics_log({"SERVING_METRICS_LOG": str(path)}, "m")
        assert log is not None
        log.add(served(0.5, label=label))
        log.flush()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["Classes"] for line in lines] == [{"a": 1}, {"b": 1}]


def test_without_a_place_there_is_no_log() -> None:
    assert open_metrics_log({}, "m") is None
