"""Where MLflow may be, and what is said when it does not answer."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.report.tracking.destination import TrackingError, open_destination, place_of

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
pytestmark = pytest.mark.xdist_group("mlflow")


class Failing(BaseHTTPRequestHandler):
    """Answers that it cannot."""

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.end_headers()

    do_POST = do_GET
    code = 500

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


class Refusing(Failing):
    """Knows nobody."""

    code = 401


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("https://mlflow.example.com/", "https://mlflow.example.com"),
        ("sqlite:////data/m.db", "sqlite:////data/m.db"),
        ("file:///data/ml%20runs", "sqlite:////data/ml runs/mlflow.db"),
        ("/data/what?", "sqlite:////data/what%3F/mlflow.db"),
        (
            "arn:aws:sagemaker:eu-west-1:111122223333:mlflow-tracking-server/ours",
            "https://eu-west-1.experiments.sagemaker.aws",
        ),
        (
            "arn:aws:sagemaker:eu-west-1:111122223333:mlflow-app/app-1",
            "https://mlflow.sagemaker.eu-west-1.app.aws",
        ),
    ],
)
def test_a_place_is_what_mlflow_calls_it(uri: str, address: str) -> None:
    assert place_of(uri).address == address


def test_a_folder_that_an_older_mlflow_filled_goes_on_as_it_is(tmp_path: Path) -> None:
    assert place_of(str(tmp_path)).address == f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "meta.yaml").touch()
    assert place_of(str(tmp_path)).address == tmp_path.as_uri()


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://user:secret@host",
        "https://secret@host",
        "https://host?token=secret",
        "https://host#secret",
        "postgresql://user:secret@host/db",
        "databricks://secret",
        "sqlite:///",
        "sqlite://secret/x.db",
        "file://host/secret",
        "http://",
        "http://[secret",
        "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/secret",
        "arn:aws-cn:sagemaker:cn-north-1:111122223333:mlflow-app/secret",
    ],
)
def test_another_place_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(UsageError) as refused:
        place_of(uri)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("kind", "says"), [(Failing, "500"), (Refusing, "401")])
def test_a_server_that_refuses_is_named_with_its_reason(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, kind: type[Failing], says: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = serve(kind)
    with pytest.raises(TrackingError, match=f"{address}: .*{says}"):
        open_destination(address, "dogs")


def test_a_server_that_is_not_there_is_named(held_port: int) -> None:
    address = f"http://127.0.0.1:{held_port}"
    with pytest.raises(TrackingError, match=f"{address}: no answer: Connection refused$"):
        open_destination(address, "dogs")


def test_without_mlflow_the_command_that_installs_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.report.tracking.package.is_installed", lambda: False)
    with pytest.raises(UsageError, match=r"pip install -c constraints\.txt mlflow-skinny"):
        open_destination("mlruns", "dogs")
