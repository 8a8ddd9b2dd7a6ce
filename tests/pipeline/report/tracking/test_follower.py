"""A run that is logged while it runs: it never waits for MLflow, nor fails with it."""

import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT, run_command
from pipeline.report.__main__ import main
from pipeline.report.tracking.follower import Follower, local_place
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.patience import PATIENCE
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


def test_at_its_end_the_run_says_where_it_is(finished: Finished, tmp_path: Path) -> None:
    place = tmp_path / "50 % of ml runs?"
    assert conclude(finished, str(place), 600) == str(place)
    assert (place / "mlflow.db").is_file()


def test_a_server_that_is_not_there_is_said_once_and_the_command_that_logs_it_later(
    finished: Finished, folder: Path, capsys: pytest.CaptureFixture[str], held_port: int
) -> None:
    gone = f"http://127.0.0.1:{held_port}"
    problem, _, again = conclude(finished, gone, 600).partition("; to log it: ")
    assert problem == f"not all of it: {gone}: no answer: Connection refused"
    program, option, module, *words = shlex.split(again)
    assert (program, option, module) == ("python", "-m", "pipeline.report")
    there = [str(folder) if word == gone else word for word in words]
    assert run_command(main, there) == 0
    assert f"{len(SCORES)} trials: {folder}" in capsys.readouterr().out


def test_a_server_that_hangs_is_left(finished: Finished, hanging: str) -> None:
    said = conclude(finished, hanging, 0.2)
    assert said.startswith("not all of it: not done 0 s after the run's end; ")


def test_a_stop_while_it_is_awaited_keeps_nothing_from_being_said(
    finished: Finished, hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    communicate = subprocess.Popen.communicate
    stops = [KeyboardInterrupt()]

    def stopped(process: subprocess.Popen[str], **options: float) -> object:
        if stops:
            raise stops.pop()
        return communicate(process, **options)

    monkeypatch.setattr(subprocess.Popen, "communicate", stopped)
    assert conclude(finished, hanging, PATIENCE).startswith("not all of it: stopped; to log it: ")


def test_a_process_that_cannot_start_is_said(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert "No such file" in conclude(finished, "mlruns", 1)
