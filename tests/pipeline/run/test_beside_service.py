"""What is loaded beside a run's last long job."""

import sys

import pytest

from pipeline.command_line.step_table import StepProgress
from pipeline.report import after_run
from pipeline.run import beside_service
from pipeline.run.beside_service import loading_report


def test_the_reports_packages_are_loaded_once_while_the_model_is_evaluated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(beside_service, "load_report_soon", lambda: loaded.append("report"))
    heard: list[str] = []
    hear = loading_report(lambda step: heard.append(f"{step.name} {step.status}"))
    found = []
    for name, status in (
        ("Evaluate", "Waiting"),
        ("Train", "Executing"),
        ("Evaluate", "Executing"),
        ("Evaluate", "Executing"),
    ):
        hear(StepProgress(name, "Processing", status))
        found.append(len(loaded))
    assert found == [0, 0, 1, 1]
    assert heard == ["Evaluate Waiting", "Train Executing", *["Evaluate Executing"] * 2]


def test_what_cannot_be_loaded_is_for_the_report_to_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.report.making", None)  # importing it fails
    thread = after_run.load_report_soon()
    thread.join()
    assert capsys.readouterr() == ("", "")
