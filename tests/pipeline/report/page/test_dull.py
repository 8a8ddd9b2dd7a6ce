"""A plot that says nothing is a sentence instead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.comparing.coverage import Coverage, CoveragePoint
from pipeline.report.contents import RunReport
from pipeline.report.page.plots import draw_plots
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.history import Epoch, History
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.tensors import SECTION as TENSORS
from pipeline.report.sections.tensors import Series
from pipeline.report.sections.tuning import SECTION as TUNING
from tests.pipeline.report.report_samples import a_run, full_report, many_classes

FULL, MANY = full_report(), full_report(many_classes(40))


def tuning(**changes: Any) -> Any:
    found = FULL.get(TUNING)
    assert found is not None
    return replace(found, **changes)


def level_trials() -> Any:
    return tuple(replace(trial, value=0.5) for trial in tuning().trials)


def evaluation(report: RunReport = FULL, **changes: Any) -> Any:
    found = report.get(EVALUATION)
    assert found is not None
    return replace(found, **changes)


def covered(*accuracies: float) -> Coverage:
    points = (CoveragePoint(n, 0.5, accuracy) for n, accuracy in enumerate(accuracies, start=1))
    return Coverage("answers some", tuple(points))


def dataset(**changes: Any) -> Any:
    found = FULL.get(DATASET)
    assert found is not None
    return replace(found, **changes)


def tensors(**changes: Any) -> Any:
    found = FULL.get(TENSORS)
    assert found is not None
    return replace(found, **changes)


def profile() -> Any:
    found = FULL.get(PROFILE)
    assert found is not None
    return replace(found, samples={"seconds": (0.0,), "cpu_percent": (50.0,)})


PERFECT = tuple(replace(one, recall=1.0) for one in evaluation(MANY).classes)
EVEN = {"train": {"a": 8, "b": 8}, "test": {"a": 2, "b": 2}}
LEVEL = History((Epoch(1, 2.0, 1.0, 3.0, 0.5), Epoch(2, 1.0, 1.0, 2.0, 0.5)), 2)


@pytest.mark.parametrize(
    ("section", "value", "plot", "words"),
    [
        ("tuning", tuning(trials=tuning().trials[:1]), "tuning_trials", "1 trial has a result"),
        ("tuning", tuning(trials=level_trials()), "tuning_trials", "each came to 0.5"),
        (
            "tuning",
            tuning(trials=tuple(replace(t, hyperparameters={"lr": "1"}) for t in tuning().trials)),
            "tuning_hyperparameters",
            "the trials with a result have the same ones",
        ),
        (
            "tuning",
            tuning(importance=tuning().importance[:1]),
            "tuning_importance",
            "learning-rate alone was varied",
        ),
        ("history", History(LEVEL.epochs[:1], 1), "history_loss", "of the epochs: there is one"),
        (
            "history",
            LEVEL,
            "history_accuracy",
            "it stayed at 100.0% in training and 50.0% in validation",
        ),
        ("tensors", tensors(losses=(Series("a", (5,), (1.0,)),)), "tensors_losses", "one step"),
        (
            "tensors",
            tensors(gradient_norms=(Series("a", (5, 9), (0.0, 0.0)),)),
            "tensors_gradients",
            "nothing changed from step to step",
        ),
        ("profile", profile(), "profile_system", "before there were two samples"),
        (
            "evaluation",
            evaluation(classes=evaluation().classes[:1], confusion=((7,),)),
            "confusion",
            "there is one class",
        ),
        (
            "evaluation",
            evaluation(calibration=evaluation().calibration[9:10]),
            "calibration",
            "every answer is 60% to 67% sure, and 68.0% of them are right",
        ),
        (
            "evaluation",
            evaluation(MANY, classes=PERFECT),
            "recalls",
            "within a tenth of each other",
        ),
        ("evaluation", evaluation(coverage=covered(0.9)), "coverage", "as sure of every answer"),
        (
            "evaluation",
            evaluation(coverage=covered(0.9, 0.9)),
            "coverage",
            "of the surest 90.0% are right, as of all",
        ),
        ("dataset", dataset(classes=("a",), counts={"train": {"a": 9}}), "dataset", "there is one"),
        (
            "dataset",
            dataset(classes=("a", "b"), counts=EVEN),
            "dataset",
            "each has 8 train, 2 test pictures",
        ),
    ],
)  # fmt: skip
def test_what_says_nothing_is_not_drawn_and_why_is_said(
    tmp_path: Path, section: str, value: Any, plot: str, words: str
) -> None:
    found = draw_plots(RunReport(a_run("Succeeded"), {section: value}), tmp_path)[plot]
    assert words in found.words
    assert (found.svg, found.file) == ("", "")
    assert not (tmp_path / "plots" / f"{plot}.png").exists()


def test_a_line_that_is_lost_is_drawn(tmp_path: Path) -> None:
    lost = History(tuple(replace(e, train_loss=float("nan")) for e in LEVEL.epochs), None)
    drawn = draw_plots(RunReport(a_run("Failed"), {"history": lost}), tmp_path)
    assert drawn["history_loss"].svg
