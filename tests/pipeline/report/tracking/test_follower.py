"""A run that is logged while it runs: it never waits for MLflow, nor fails with it."""

import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT, run_command
from pipeline.report.__main__ import main
from pipeline.report.tracking.follower import Follower, local_place
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.pipeline.report.report_support import SCORES, Finished

pytestmark = pytest.mark.xdist_group("mlflow")


def settings(to: str) -> Settings:
    return load_settings(ROOT / "pipeline.yaml", "local", [f"tracking.mlflow_uri={to}"])


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def conclude(finished: Finished, to: str, patience_s: float) -> str:
    """Log the finished run as one that has just ended; answers what is said at its end."""
    follower = Follower(settings(to), local_place(finished.store.root))
    follower.begin(finished.arn)
    follower.ended()
    return follower.conclude(patience_s) or ""


def test_without_an_address_there_is_no_process(finished: Finished) -> None:
    follower = Follower(load_settings(ROOT / "pipeline.yaml", "local", []), [])
    follower.begin(finished.arn)
    assert follower.conclude() is None


def test_at_its_end_the_run_says_what_is_missing_and_the_command_that_logs_it(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = conclude(finished, str(tmp_path), 120)
    problem, _, again = said.partition("; to log it: ")
    assert problem.startswith("not all of it: model (the model has no graph")
    program, option, module, *words = shlex.split(again)
    assert (program, option, module) == ("python", "-m", "pipeline.report")
    run_command(main, words)
    assert f"{len(SCORES)} trials" in capsys.readouterr().out


def test_a_server_that_is_not_there_is_said_once(finished: Finished) -> None:
    said = conclude(finished, "http://127.0.0.1:9", 120)
    assert said.startswith("not all of it: http://127.0.0.1:9: no answer: Connection refused; ")
    assert f"python -m pipeline.report track {finished.result.execution_id} --to" in said


def test_a_server_that_hangs_is_left(finished: Finished, hanging: str) -> None:
    said = conclude(finished, hanging, 0.2)
    assert said.startswith("not all of it: not done 0 s after the run's end; ")


def test_a_process_that_cannot_start_is_said(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert "No such file" in conclude(finished, "mlruns", 1)
