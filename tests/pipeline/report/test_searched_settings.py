"""Where a training job searches several settings, every setting is a trial wherever people look."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.console.training_so_far import read_tuning_so_far
from pipeline.job_scripts.searched import trained_with
from pipeline.report.collect import collect
from pipeline.report.page.csv_files import write_jobs
from pipeline.report.searched_settings import results_of_log
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import Tuning, trial_epochs
from tests.pipeline.report.searched_support import OBJECTIVE, RATES, Searched, search_in_parts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return search_in_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def tuning(run: Searched) -> Tuning:
    found = collect(run.source, run.facts.arn).report.get(TUNING)
    assert found is not None
    return found


def test_every_setting_is_a_trial_of_the_report(tuning: Tuning) -> None:
    assert tuning.strategy == "Random"
    assert [trial.number for trial in tuning.trials] == [1, 2, 3]
    assert [trial.hyperparameters["rate"] for trial in tuning.trials] == list(RATES.values())
    assert [trial.value for trial in tuning.trials] == [0.5, None, 0.75]
    assert [trial.best_so_far for trial in tuning.trials] == [0.5, 0.5, 0.75]
    assert [trial.status for trial in tuning.trials] == ["Completed", "Failed", "Completed"]
    assert [trial.failure for trial in tuning.trials] == [None, "no luck", None]
    assert [trial.seconds for trial in tuning.trials] == [2.0, 4.0, 6.0]
    assert tuning.best == tuning.trials[2].name
    assert len({trial.name for trial in tuning.trials}) == 3
    assert tuning.trials[0].job == tuning.trials[1].job != tuning.trials[2].job


def test_the_console_shows_the_same(run: Searched, tuning: Tuning) -> None:
    found, planned = read_tuning_so_far(run.lab.store, run.facts)
    assert found is not None and planned == 3
    assert found == replace(tuning, importance=(), importance_note="")


def test_while_a_part_is_at_work_its_log_tells_what_is_done(run: Searched, tuning: Tuning) -> None:
    log = run.source.log(tuning.trials[0].job)
    for lines, statuses in (
        (log[:1], ["InProgress"]),
        (log[:2], ["Completed"]),
        (log[:4], ["Completed", "Failed"]),
    ):
        found = results_of_log(lines, OBJECTIVE["MetricName"])
        assert [one.status for one in found.values()] == statuses
        assert found[1].value == 0.5 and len(found[1].epochs) == 1
    assert results_of_log(log, OBJECTIVE["MetricName"])[2].failure == "no luck"


def test_people_who_wait_are_told_of_settings(run: Searched) -> None:
    told = [(one.trials_done, one.trials_total) for one in run.lab.heard if one.trials_total]
    assert told[-1] == (3, 3)
    assert {total for _, total in told} == {3}


def test_a_settings_epochs_are_its_own(run: Searched, tuning: Tuning, tmp_path: Path) -> None:
    job = run.source.sagemaker.describe_training_job(TrainingJobName=tuning.trials[2].job)
    (epoch,) = trial_epochs(run.source, job, tuning.trials[2], tuning.objective)
    assert epoch.valid_accuracy == 0.75

    report = collect(run.source, run.facts.arn).report
    files = {one.path for one in write_jobs(run.source, run.facts, report, tmp_path)}
    assert len([name for name in files if "/trials/" in f"/{name}"]) == 3


def test_the_final_training_is_known_to_have_the_best_setting(run: Searched) -> None:
    job = run.facts.job("Train")
    assert trained_with(job) | {"rate": "0.3", "kind": "a"} == trained_with(job)
    assert "settings" not in trained_with(job)
