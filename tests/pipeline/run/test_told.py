"""What a report found, as the end of a run tells it."""

from dataclasses import replace

from pipeline.report.contents import RunReport
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.rules import SECTION as RULES
from pipeline.run.outcome import LocalOutcome
from pipeline.run.told import Told, read_told
from tests.pipeline.report.report_samples import full_report


def report_with(**changes: object) -> RunReport:
    """The full report, with an evaluation of its own and quiet rules."""
    whole = full_report()
    evaluation = whole.get(EVALUATION)
    assert evaluation is not None
    return whole.changed(EVALUATION, replace(evaluation, **changes)).changed(RULES, None)


def test_a_run_of_which_nothing_is_to_be_said() -> None:
    told = read_told(report_with(threshold=0.5))
    assert told == Told()
    assert (told.lines(), told.next_words()) == ([], None)


def test_what_the_gate_refused_is_said_with_the_one_next_command() -> None:
    told = read_told(report_with(threshold=0.99, tolerance=0.01, shortfall=0.05), "venv/python")
    too_low, worse = told.not_passed
    assert "below the gate's 99.0%" in too_low
    assert "Worse than the champion by 5.0 points" in worse
    lines = LocalOutcome("e1", "Failed", failure="step AccuracyTooLow failed", told=told).summary()
    assert lines.splitlines()[1:3] == ["the gate was not passed", f"  not passed     {too_low}"]
    assert lines.splitlines()[-1] == (
        "next: venv/python -m pipeline.run --local --data '~/pictures' --set a.b=c --set "
        "backbone.name=mobilenet_v2 --set backbone.weights=imagenet"
        "   (docs/better-accuracy.md has more)"
    )
    assert lines.count("next:") == 1


def test_a_rule_that_fired_is_advised_about_where_nothing_is_graver() -> None:
    report = report_with(threshold=0.5).changed(RULES, full_report().get(RULES))
    told = read_told(report)
    assert not told.not_passed and not told.warnings
    said = LocalOutcome("e1", "Succeeded", told=told, next_command="predict").summary()
    assert "  to try         python -m pipeline.run --local" in said
    assert "--set tuning.objective=best:valid_loss" in said
    assert said.endswith("next: predict")


def test_too_few_test_pictures_are_a_warning() -> None:
    (warning,) = read_told(report_with(threshold=0.8)).warnings
    assert "cannot tell: the accuracy may be anything from 76.0% to 90.0%" in warning
