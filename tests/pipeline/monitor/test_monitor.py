"""The command finds what an endpoint captured, has the job compare it, and shows what it found."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.local.service.api import LocalApi
from pipeline.local.store import Store
from pipeline.monitor.__main__ import main
from pipeline.monitor.documents import Monitored, read_monitored
from pipeline.monitor.fetching import bring_captured
from pipeline.monitor.job import MonitoringError, Work, run_monitor
from pipeline.monitor.watched import NotCapturedError, Watched, find_watched
from pipeline.report.places import Place
from pipeline.report.sources.local_source import LocalSource

MODEL = "s3://b/models/1/model.tar.gz"
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/capture/p",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
FOUND: dict[str, Any] = {
    "version": 1,
    "verdict": "changed",
    "summary": "Changed: brightness.",
    "pictures": 60,
    "reference_pictures": 70,
    "smallest_p": 0.0005,
    "unknown_share": 0.25,
    "unknown_share_reference": 0.05,
    "tests": [
        {
            "name": "brightness",
            "changed": True,
            "p": 0.0005,
            "statistic": 0.8,
            "sentence": "They are darker.",
            "reference": 0.5,
            "captured": 0.2,
        }
    ],
    "classes": [{"name": "<b>", "reference": 0.1, "captured": 0.4}],
    "unusual": [
        {
            "picture": "unusual/1.jpg",
            "content": "1a",
            "asked": "2026-02-01T10:00:00Z",
            "label": "<i>",
            "probability": 0.5,
            "known": False,
            "distance": 9.0,
        }
    ],
    "needed": 50,
    "false_alarms": 0.001,
    "capture": {
        "files": 1,
        "requests": 61,
        "copies": 1,
        "unreadable": 0,
        "without_input": 0,
        "refused": 0,
        "first": "2026-02-01T10:00:00Z",
        "last": "2026-02-01T11:00:00Z",
    },
}


def endpoint(store: Store, name: str, capture: dict[str, Any] | None) -> None:
    """An endpoint as the deploying function makes it; nothing hosts it."""
    api = LocalApi(store)
    container = {"Image": "image:1", "ModelDataUrl": MODEL}
    api.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    api.call("CreateEndpointConfig", config | ({"DataCaptureConfig": capture} if capture else {}))
    api.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})


def captured(store: Store, hour: str, name: str = "00-00-000-a.jsonl", size: int = 10) -> None:
    path = store.path("s3://b/capture/p/p/AllTraffic") / hour / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


@pytest.fixture
def production(store: Store) -> Store:
    """State with an endpoint that captures, one that does not, and the model of both."""
    endpoint(store, "staging", None)
    endpoint(store, "p", CAPTURE)
    archive = store.path(MODEL)
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"a model")
    return store


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int, float]]:
    """Stands for the job, which has tests of its own; has what it was given."""
    given: list[tuple[list[str], int, float]] = []

    def run(work: Work, pictures: int, false_alarms: float, _hear: Callable[[str], None]) -> None:
        assert (work.model / "model.tar.gz").read_bytes() == b"a model"
        files = sorted(path.name for path in work.captured.rglob("*.jsonl"))
        given.append((files, pictures, false_alarms))
        (work.monitoring / "unusual").mkdir()
        (work.monitoring / "unusual/1.jpg").write_bytes(b"a picture")
        (work.monitoring / "monitoring.json").write_text(json.dumps(FOUND))

    monkeypatch.setattr("pipeline.monitor.command.run_monitor", run)
    return given


def sagemaker(store: Store) -> Any:
    return LocalSource(store).sagemaker


def test_the_endpoint_that_captures_is_found(production: Store) -> None:
    expected = Watched("p", MODEL, "s3://b/capture/p/p/AllTraffic")
    assert find_watched(sagemaker(production), None) == expected
    assert find_watched(sagemaker(production), "p") == expected


def test_what_cannot_be_watched_is_refused_with_a_way_out(production: Store) -> None:
    with pytest.raises(
        NotCapturedError, match=r"staging captures nothing: .*data_capture\.enabled"
    ):
        find_watched(sagemaker(production), "staging")
    with pytest.raises(UsageError, match="no endpoint 'q'; there are: p, staging"):
        find_watched(sagemaker(production), "q")
    endpoint(production, "second", CAPTURE | {"DestinationS3Uri": "s3://b/capture/second"})
    with pytest.raises(UsageError, match="name one of p, second"):
        find_watched(sagemaker(production), None)


def test_without_endpoints_nothing_captures(store: Store) -> None:
    with pytest.raises(NotCapturedError, match="no endpoint captures anything"):
        find_watched(sagemaker(store), None)


def test_the_newest_days_are_brought_and_no_more_than_is_bearable(
    production: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in ("2026/01/25/10", "2026/01/31/23", "2026/02/01/00", "2026/02/01/09"):
        captured(production, hour)
    place, uri = Place(LocalSource(production), ()), "s3://b/capture/p/p/AllTraffic"

    def brought(target: Path) -> list[str]:
        bring_captured(place, uri, date(2026, 2, 1), 7, target)
        return sorted(
            path.parent.relative_to(target).as_posix() for path in target.rglob("*.jsonl")
        )

    assert brought(tmp_path / "a") == ["2026/01/31/23", "2026/02/01/00", "2026/02/01/09"]
    monkeypatch.setattr("pipeline.monitor.fetching.MOST_BYTES", 25)
    assert brought(tmp_path / "b") == ["2026/02/01/00", "2026/02/01/09"]


def test_the_command_says_what_changed_and_writes_the_page(
    production: Store,
    job: list[tuple[list[str], int, float]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    captured(production, f"{datetime.now(UTC):%Y/%m/%d/%H}")
    assert main(["--state", str(production.root), "--pictures", "80"]) == 0
    assert job == [(["00-00-000-a.jsonl"], 80, 0.001)]
    printed = capsys.readouterr().out
    assert "verdict    Changed: brightness." in printed
    assert "changed    They are darker." in printed
    assert "unknown    25.0% of them, 5.0% of the validation pictures" in printed
    assert "left out   1 copies of another" in printed
    folder = production.root / "monitoring" / "p"
    assert folder.stat().st_mode & 0o777 == 0o700
    page = (folder / "monitoring.html").read_text()
    assert "They are darker." in page
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;, 50%; none of the classes" in page
    assert "data:image/jpeg;base64,YSBwaWN0dXJl" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("verdict", "options", "code"),
    [
        ("changed", [], 0),
        ("changed", ["--fail-if-changed"], 1),
        ("unchanged", ["--fail-if-changed"], 0),
        ("too_few", ["--fail-if-changed"], 0),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_change_is_a_failure_only_where_it_is_asked_for(
    production: Store, monkeypatch: pytest.MonkeyPatch, verdict: str, options: list[str], code: int
) -> None:
    monkeypatch.setitem(FOUND, "verdict", verdict)
    assert main(["p", "--state", str(production.root), "--json", *options]) == code


@pytest.mark.parametrize("pictures", ["49", "10001", "0", "many"])
def test_fewer_pictures_than_tell_anything_are_a_usage_error(
    capsys: pytest.CaptureFixture[str], pictures: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--pictures", pictures])
    assert "argument --pictures" in capsys.readouterr().err


def test_a_result_that_is_none_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "monitoring.json").write_text("{}")
    with pytest.raises(Exception, match="cannot be read") as caught:
        read_monitored(tmp_path, "p", MODEL, tmp_path / "page.html")
    assert type(caught.value).__module__ == "pipeline.errors"


def test_of_no_pictures_the_lines_say_so(tmp_path: Path) -> None:
    nothing = {"files": 0, "requests": 0, "copies": 0, "first": "", "last": ""}
    changes = {
        "verdict": "too_few",
        "summary": "Nothing can be said: 0 different pictures were captured, 50 are needed.",
        "pictures": 0,
        "unknown_share": None,
        "tests": [],
        "capture": FOUND["capture"] | nothing,
    }
    (tmp_path / "monitoring.json").write_text(json.dumps(FOUND | changes))
    found: Monitored = read_monitored(tmp_path, "p", MODEL, tmp_path / "page.html")
    assert found.lines()[1:3] == [
        "captured   0 different pictures",
        "verdict    Nothing can be said: 0 different pictures were captured, 50 are needed.",
    ]


def test_the_jobs_own_reason_is_the_error(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"no archive")
    work = Work(tmp_path / "work")
    work.make(archive)
    with pytest.raises(MonitoringError, match=r"model\.tar\.gz cannot be extracted"):
        run_monitor(work, 10, 0.001, lambda _: None)
