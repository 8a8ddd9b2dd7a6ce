"""MLflow's client, quiet, and the run that is logged."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipeline.report.sources.local_source import LocalSource
from pipeline.report.tracking import destination
from pipeline.report.tracking.tracker import Tracked, Tracker
from tests.pipeline.report.report_support import Finished


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes what opening MLflow sets for its process."""
    for name in (*destination._VARIABLES, "_MLFLOW_SERVER_ARTIFACT_ROOT", "MLFLOW_TRACKING_AUTH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that MLflow's database and artifacts are in, made once: that takes seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def track(finished: Finished, tmp_path: Path) -> Callable[..., Tracked]:
    """Logs the finished run, with its report in a folder of its own."""

    def log(to: str, experiment: str = "dogs", most_mb: int = 1) -> Tracked:
        opened = destination.open_destination(to, experiment)
        tracker = Tracker(opened, LocalSource(finished.store), finished.arn, most_mb)
        return tracker.finish(to, tmp_path / "report")

    return log


@pytest.fixture
def serve() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Starts an HTTP server of that kind; answers its address."""
    started: list[ThreadingHTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        started.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def points(client: Any, run: str, metric: str) -> list[tuple[int, float]]:
    """A metric's values by step."""
    return [(one.step, one.value) for one in client.get_metric_history(run, metric)]
