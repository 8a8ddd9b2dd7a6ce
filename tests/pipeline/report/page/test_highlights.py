from dataclasses import replace

from pipeline.report.contents import RunReport
from pipeline.report.page.highlights import Note, notes
from pipeline.report.page.html import render
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.history import History
from pipeline.report.sections.rules import Rule, Rules
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.steps import ReportedStep
from tests.pipeline.report.report_samples import (
    a_history,
    diverged_report,
    failed_report,
    full_report,
    some_steps,
)


def texts(report: RunReport) -> list[str]:
    return [note.text for note in notes(report)]


def evaluation(**changes: object) -> Evaluation:
    whole = full_report().get(EVALUATION)
    assert whole is not None
    return replace(whole, **changes)


def test_a_quiet_run_says_nothing():
    values = {
        "steps": full_report().get(STEPS),
        "history": History(a_history()[:4], best_epoch=4),
        "evaluation": evaluation(threshold=0.6, confused_pairs=()),
    }
    assert texts(RunReport(full_report().run, values)) == []


def test_what_failed_comes_first_with_its_reason_and_where_to_look():
    first = notes(failed_report())[0]
    assert (first.level, first.section) == ("bad", "steps")
    assert first.text == (
        "Prepare failed: ClientError: 3 files of 12 are no pictures; see refused in dataset.json"
    )


def test_the_gate_is_said_once_in_its_own_words():
    fail = ReportedStep("AccuracyTooLow", "Fail", "Failed", failure="accuracy 0.71 is below 0.8")
    report = full_report().changed(STEPS, (*some_steps()[:-1], fail))
    assert "AccuracyTooLow: accuracy 0.71 is below 0.8" in texts(report)


def test_every_part_has_a_say():
    said = texts(full_report())
    for words in (
        "Overfit found an issue at step 300",
        "DeadRelu could not judge",
        "may be anything from 76.0% to 90.0%",
        "1 picture in more than one split",
        "1 picture in more than one class",
        "2 pictures of the same pixels as another",
        "31 pictures: transparent: shown on white",
        "2 files refused",
        "35% of the head's time",
        "1 trial of 8 failed",
    ):
        assert any(words in text for text in said), words


def test_an_accuracy_below_the_gate_is_bad_and_few_pictures_say_nothing_of_calibration():
    few = full_report().changed(EVALUATION, evaluation(threshold=0.95, calibration_error=0.3))
    assert any(note.level == "bad" and "below the gate" in note.text for note in notes(few))
    assert not any("confidence is off" in text for text in texts(few))
    many = few.changed(EVALUATION, evaluation(pictures=840, calibration_error=0.3))
    assert any("confidence is off by 30.0%" in text for text in texts(many))


def test_a_loss_that_is_no_number_is_bad():
    assert notes(diverged_report())[0].text == "The loss became infinite or not a number"


def test_lost_debugging_wants_a_look_and_the_page_says_why(tmp_path):
    rules = Rules((Rule("Overfit", "NoIssuesFound"),), lost="OSError: <disk> full")
    report = RunReport(full_report().run, {"rules": rules})
    (note,) = notes(report)
    assert note == Note("check", "Debugging was lost: OSError: <disk> full", "rules", note.attempt)
    page = render(report, tmp_path).read_text()
    assert "lost</strong> before the training ended (OSError: &lt;disk&gt; full)" in page


def test_what_a_rule_has_said_already_is_not_said_twice():
    text = "RuleEvaluationConditionMet: loss rose at step 31"
    rules = Rules((Rule("LossNotDecreasing", "IssuesFound", 31, message=text),))
    found = notes(RunReport(full_report().run, {"rules": rules}))
    assert [note.text for note in found] == [
        "LossNotDecreasing found an issue: loss rose at step 31"
    ]
