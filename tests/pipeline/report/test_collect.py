"""What a report says of a run is what the run's own files say."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.report.collect import collect
from pipeline.report.contents import RunReport
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import ClassQuality, ConfusedPair
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.model import SECTION as MODEL
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.reproduction import SECTION as REPRODUCTION
from pipeline.report.sections.rules import SECTION as RULES
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sources.local_source import LocalSource
from tests.pipeline.report.report_support import (
    CLASSES,
    HEAT,
    SCORES,
    SIDE,
    Finished,
    finish,
    pictures,
)


@pytest.fixture(scope="module")
def report(finished: Finished) -> RunReport:
    assert finished.result.status == "Succeeded", finished.result.failure
    return collect(LocalSource(finished.store), finished.arn).report


def test_a_whole_run_lacks_only_what_it_did_not_save(report: RunReport) -> None:
    assert set(report.missing) == {"tensors", "before", "review"}
    assert "no tensors were saved" in report.missing["tensors"]
    assert report.missing["before"] == "it is the first run of pipeline that is there"
    assert (report.run.status, report.run.where) == ("Succeeded", "local")


def test_steps_have_states_times_and_what_they_wait_for(report: RunReport) -> None:
    steps = report.get(STEPS) or ()
    assert [(step.name, step.status) for step in steps] == [
        (name, "Succeeded") for name in ("Prepare", "Tune", "Train", "Evaluate")
    ]
    assert [step.depends_on for step in steps] == [(), ("Prepare",), ("Tune",), ("Train",)]
    assert all(step.seconds is not None and step.seconds > 0 for step in steps)
    total = report.run.seconds
    assert total is not None and total >= max(step.seconds or 0 for step in steps)


def test_tuning_has_each_trial_and_the_best_so_far(report: RunReport) -> None:
    tuning = report.get(TUNING)
    assert tuning is not None
    values = [SCORES[trial.hyperparameters["rate"]] for trial in tuning.trials]
    assert [trial.value for trial in tuning.trials] == values
    assert [t.best_so_far for t in tuning.trials] == [max(values[: n + 1]) for n in range(4)]
    best = max(tuning.trials, key=lambda trial: trial.value or 0)
    assert tuning.best == best.name
    assert [one.name for one in tuning.importance] == ["rate"] or not tuning.importance
    assert "4 trials" in tuning.importance_note


def test_training_has_history_rules_profile_and_layers(report: RunReport) -> None:
    history, rules = report.get(HISTORY), report.get(RULES)
    profile, model = report.get(PROFILE), report.get(MODEL)
    assert history and rules and profile and model
    assert [epoch.train_loss for epoch in history.epochs] == [1.5, 0.5, 0.25]
    assert history.best_epoch == 3  # as accurate as epoch 2, with a lower loss
    quiet, fired = rules.rules
    assert (quiet.status, quiet.parameters) == ("NoIssuesFound", {"patience": "10"})
    assert (fired.name, fired.step, fired.tensor) == ("DeadRelu", 20, "relu_0")
    assert profile.system["cpu_percent p95"] == 99.0
    assert profile.samples == {"seconds": (0.0, 0.5), "cpu_percent": (50.0, 100.0)}
    assert profile.findings[0].advice == "more workers"
    assert model.layers[0].output == "3"
    assert (model.parameters, model.facts["weights"]) == (15, "random")


def test_test_results_are_counted_by_class(report: RunReport) -> None:
    found = report.get(EVALUATION)
    assert found is not None
    assert (found.pictures, found.accuracy, found.threshold) == (8, 0.75, 0.6)
    assert found.low < 0.75 < found.high
    assert found.confusion == ((2, 1, 0), (0, 2, 1), (0, 0, 2))
    assert found.classes[0] == ClassQuality("beagle", 3, 1.0, pytest.approx(2 / 3), 0.8)
    assert set(found.confused_pairs) == {
        ConfusedPair("beagle", "boxer", 1),
        ConfusedPair("boxer", "<pug>", 1),
    }
    assert found.champion == "dogs/1 is 2 points worse"
    assert sum(one.count for one in found.calibration) == 8


def test_the_surest_mistake_comes_first_with_its_own_picture(report: RunReport) -> None:
    found = report.get(EVALUATION)
    assert found is not None
    first, second = found.mistakes
    assert (first.file, first.actual, first.predicted) == ("boxer/5.jpg", "boxer", "<pug>")
    assert (first.probability, first.actual_probability) == (0.9, 0.0)
    for mistake, row in ((first, 5), (second, 2)):
        shown = Image.open(io.BytesIO(mistake.picture or b""))
        assert shown.size == (SIDE, SIDE)
        assert abs(int(np.asarray(shown).mean()) - int(pictures()[row].mean())) <= 1


def test_a_mistake_that_is_explained_has_its_map_and_the_training_pictures_it_looks_like(
    report: RunReport,
) -> None:
    found = report.get(EVALUATION)
    assert found is not None
    first, second = found.mistakes
    assert first.heat == HEAT
    (like,) = first.looks_like
    assert (like.file, like.label, like.similarity) == ("beagle/0.jpg", "beagle", 0.93)
    assert Image.open(io.BytesIO(like.picture or b"")).size == (SIDE, SIDE)
    assert (second.heat, second.looks_like) == (None, ())


def test_data_and_reproduction(report: RunReport) -> None:
    dataset, reproduction = report.get(DATASET), report.get(REPRODUCTION)
    assert dataset is not None and reproduction is not None
    assert dataset.classes == tuple(CLASSES)
    assert dataset.refused[0].reason == "not a picture"
    assert dataset.ignored[0].name == "venv/"
    assert dataset.reading == ("no folder gives valid its classes: it is cut out of train",)
    assert dataset.duplicates[0].splits == ("test", "train")
    assert dataset.same_pixels[0].files == ("c", "d")
    assert (dataset.remarks[0].count, dataset.remarks[0].files) == (3, ("beagle/1.png",))
    commands = reproduction.commands
    assert commands[0] == "git checkout abc"
    assert "changes" in commands[1]
    assert "python -m pipeline.run --local" in commands
    assert reproduction.seeds == {"Prepare seed": "3", "Tune RandomSeed": "7"}
    assert reproduction.hyperparameters == {"lr": "0.2"}
    assert reproduction.fingerprints["data"] == "f" * 64


def test_a_failed_training_shows_what_it_left(tmp_path: Path) -> None:
    finished = finish(tmp_path, train='sys.exit("the loss is nan")')
    report = collect(LocalSource(finished.store), finished.arn).report
    assert report.run.status == "Failed"
    assert "the loss is nan" in (report.run.failure or "")
    states = {step.name: step.status for step in report.get(STEPS) or ()}
    assert states == {
        "Prepare": "Succeeded",
        "Tune": "Succeeded",
        "Train": "Failed",
        "Evaluate": "NotStarted",
    }
    history, rules = report.get(HISTORY), report.get(RULES)
    assert history is not None and len(history.epochs) == 3
    assert rules is not None and rules.rules[1].status == "IssuesFound"
    assert report.missing["evaluation"] == "step Evaluate did not run"
    assert report.get(DATASET) is not None


def test_damaged_files_are_said_to_be_and_harm_no_other_section(tmp_path: Path) -> None:
    finished = finish(tmp_path)
    for name in ("Evaluate/evaluation/evaluation.json", "Prepare/dataset/dataset.json"):
        (path,) = tmp_path.glob(f"s3/*/runs/*/{name}")
        path.write_text("{")
    for path in tmp_path.glob("s3/*/runs/*/Train/*/output/model.tar.gz"):
        path.write_bytes(b"no archive")
    report = collect(LocalSource(finished.store), finished.arn).report
    assert set(report.missing) == {
        "tensors",
        "evaluation",
        "dataset",
        "artifact",
        "before",
        "review",
    }
    assert "cannot be read" in report.missing["evaluation"]
    assert report.get(HISTORY) is not None


def test_a_cached_step_is_shown_with_the_job_it_came_from(tmp_path: Path) -> None:
    from pipeline.local.store import Store
    from tests.pipeline.local.runner_support import Lab
    from tests.pipeline.report.report_support import definition_of

    lab = Lab(Store(tmp_path))
    written = definition_of(lab)
    for step in written["Steps"]:
        step["CacheConfig"] = {"Enabled": True}
    first = lab.run_definition(written, {})
    second = lab.run_definition(written, {"AccuracyThreshold": "0.7"})
    report = collect(LocalSource(lab.store), second.execution_arn).report
    assert {step.cached_from for step in report.get(STEPS) or ()} == {first.execution_id}
    assert report.get(HISTORY) is not None
    evaluation = report.get(EVALUATION)
    assert evaluation is not None and evaluation.threshold == 0.7


def test_an_unknown_run_is_a_usage_error(finished: Finished) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        collect(LocalSource(finished.store), finished.arn[:-3] + "abc")
