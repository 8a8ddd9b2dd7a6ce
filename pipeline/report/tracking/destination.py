"""Write to MLflow, wherever it is, so that writing the same again changes nothing."""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from pipeline.addresses import path_of_file
from pipeline.errors import PipelineError, UsageError
from pipeline.report.tracking.content import Content
from pipeline.report.tracking.managed import managed, sign_requests
from pipeline.report.tracking.model_files import NotLoggedError
from pipeline.report.tracking.package import require_mlflow
from pipeline.settings.tracking import why_not_mlflow

Value = TypeVar("Value")
PARENT = "mlflow.parentRunId"
_DATABASE = "mlflow.db"
_NO_NAME = re.compile(r"[^\w-]")
# As requests words it, at length.
_NO_ANSWER = re.compile(
    r"API request to .*(?:\[Errno -?\d+\] ([\w ,]+)|(too many \d+ error responses)|timed out)",
    re.DOTALL,
)
_FEW = 100  # parameters, or tags, of one request
_MANY = 1000  # metrics of one request
# Given ones are kept. MLflow would try for minutes, print, and tell its makers how it is used.
_VARIABLES = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class TrackingError(PipelineError):
    """A run is not logged in MLflow, or not all of it; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where MLflow is: `address` is its own word for it, `files` the folder for artifacts.

    `files` is None where a server knows that itself; `database` is a file on this machine.
    """

    address: str
    files: str | None = None
    database: Path | None = None


def place_of(uri: str) -> Place:
    """Return where MLflow is. Raises UsageError for what is no place to log to.

    A folder is one with a database, or one that an older MLflow filled with files of its own.
    """
    if why := why_not_mlflow(uri):
        raise UsageError(f"where to log runs {why}")
    if uri.startswith("arn:"):
        return Place(managed(uri).url)
    if uri.startswith(("http://", "https://")):
        return Place(uri.rstrip("/"))
    if uri.startswith("sqlite:"):
        return _database(Path(unquote(uri.removeprefix("sqlite:///"))).absolute())
    folder = path_of_file(uri) if uri.startswith("file:") else Path(uri).expanduser().absolute()
    if any(folder.glob("*/meta.yaml")):
        return Place(folder.as_uri())
    return _database(folder / _DATABASE)


def _database(file: Path) -> Place:
    # no more than SQLAlchemy needs: MLflow makes the folder that it reads here, as it is written
    written = str(file).replace("%", "%25").replace("?", "%3F")
    return Place(f"sqlite:///{written}", (file.parent / "artifacts").as_uri(), file)


class Destination:
    """An experiment in MLflow, in which a run is known by a tag."""

    def __init__(self, client: Any, experiment: str, address: str) -> None:
        self._client = client
        self._experiment = experiment
        self._address = address

    def run(self, content: Content, tag: str) -> str:
        """Return the id of the run whose `tag` is that of `content`, made now if there is none."""
        found = self.find(tag, content.tags[tag])
        return str(found.info.run_id) if found else self._create(content, content.tags)

    def find(self, tag: str, value: str) -> Any | None:
        """Return the run that has a tag; None when none has."""
        return next(iter(self._search(f"tags.`{tag}` = '{value}'")), None)

    def child(self, content: Content, parent: str) -> str:
        """Make a run below another; return its id."""
        return self._create(content, {**content.tags, PARENT: parent})

    def children(self, parent: str, tag: str) -> dict[str, Any]:
        """Return the runs below another, by the value of their `tag`."""
        below = self._search(f"tags.`{PARENT}` = '{parent}'")
        return {one.data.tags.get(tag, ""): one for one in below}

    def _search(self, query: str) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], query, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _create(self, content: Content, tags: Mapping[str, str]) -> str:
        made = self._client.create_run(self._experiment, content.started, dict(tags), content.name)
        return str(made.info.run_id)

    def write(self, run: str, content: Content) -> None:
        """Write tags, parameters and metrics; the same again changes nothing."""
        from mlflow.entities import Metric, Param

        params = [Param(name, value) for name, value in content.params.items()]
        points = [Metric(one.name, one.value, one.time, one.step) for one in content.points]
        self.write_tags(run, content.tags)
        for some in _parts(params, _FEW):
            self._client.log_batch(run, params=some)
        for some in _parts(points, _MANY):
            self._client.log_batch(run, metrics=some)

    def write_tags(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags, over those of the same names."""
        from mlflow.entities import RunTag

        for some in _parts([RunTag(name, value) for name, value in tags.items()], _FEW):
            self._client.log_batch(run, tags=some)

    def end(self, run: str, content: Content) -> None:
        """Say how a run ended, and when; nothing of one that goes on."""
        if content.ended is not None:
            self._client.set_terminated(run, content.status, content.ended)

    def tags(self, run: str) -> dict[str, str]:
        """Return a run's tags."""
        return dict(self._client.get_run(run).data.tags)

    def copy(self, run: str, folder: Path, name: str, most_bytes: int) -> None:
        """Copy a folder's files below `name`. Raises NotLoggedError for what is too large."""
        large = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inner = path.relative_to(folder)
            if path.stat().st_size > most_bytes:
                large.append(inner.as_posix())
                continue
            self._client.log_artifact(run, str(path), (Path(name) / inner.parent).as_posix())
        if large:
            raise NotLoggedError(f"more than tracking.max_artifact_mb: {', '.join(large)}")

    def page(self, run: str) -> str | None:
        """Return the address of a run's page; None where no server shows it."""
        if not self._address.startswith(("http://", "https://")):
            return None
        return f"{self._address}/#/experiments/{self._experiment}/runs/{run}"


def open_destination(uri: str, experiment: str) -> Destination:
    """Open MLflow, making the experiment if there is none.

    Raises UsageError for what is no place to log to, or without mlflow-skinny or credentials,
    TrackingError when MLflow does not answer or cannot write.
    """
    require_mlflow()
    place = place_of(uri)
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    if place.files:
        # else MLflow makes a folder where it is started
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = place.files
    with answering(uri):
        if place.database:
            place.database.parent.mkdir(parents=True, exist_ok=True)
        return _open(uri, place, experiment)


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn what MLflow raises inside the block into a TrackingError that names the place."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # every store of MLflow's has its own
        raise TrackingError(f"{uri}: {reason_of(error)}") from error


def _open(uri: str, place: Place, experiment: str) -> Destination:
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    if uri.startswith("arn:"):
        sign_requests(managed(uri))
    client = MlflowClient(place.address)
    found = client.get_experiment_by_name(experiment)
    if found is not None and found.lifecycle_stage != "active":
        raise TrackingError(
            f"{uri}: the experiment {experiment} was deleted there: restore it, or set "
            "tracking.experiment to another"
        )
    if found is None:
        files = f"{place.files}/{_NO_NAME.sub('_', experiment)}" if place.files else None
        return Destination(client, client.create_experiment(experiment, files), place.address)
    return Destination(client, found.experiment_id, place.address)


def reason_of(error: BaseException) -> str:
    """Say in one short line why MLflow could not do something."""
    if found := _NO_ANSWER.search(str(error)):
        return f"no answer: {found[1] or found[2] or 'timed out'}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0].strip() if lines else type(error).__name__)[:200]


def _parts(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
