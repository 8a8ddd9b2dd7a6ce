"""A definition tells the settings that it was compiled from."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.comparing.chosen import Chosen, read_chosen, weights_name
from pipeline.comparing.defaults import chosen_of, read_defaults
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

DefinitionOf = Callable[[Settings], dict[str, Any]]
# Of the sections that decide what a model is, what does not, or is not in the definition.
LEFT_OUT = {
    *("data.uri", "training.max_run_minutes", "tuning.max_run_minutes", "tuning.spot"),
    *("serving.image", "gate.no_issues_from", "features.with_prepare"),
}
MAY_LACK = {  # null, or for Grid
    *("gate.champion_tolerance", "gate.coverage_at", "serving.refuse_at", "serving.examples"),
    "tuning.max_jobs",
}
SETTINGS = (
    (None, ()),
    (
        "local",
        (
            "data={split: {train: 0.5, valid: 0.25, test: 0.25}, layout: class/split, seed: 7}",
            "data.test_in_train=off",
            "data.decisions=s3://bucket/decisions.csv",
            "backbone={name: mobilenet_v2, weights: 's3://bucket/mine.pth', seed: 1}",
            "preprocessing={resize: 128, crop: 96}",
            "features={views: 3, batch_size: 8, precision: int8}",
            "training={fine_tune_blocks: 2, fine_tune_lr: 0.001, label_smoothing: 0.1}",
            "training.class_weights=balanced",
            "training.max_run_minutes=9",
            "tuning.strategy=Grid",
            "tuning.ranges={lr: null, weight_decay: null, batch_size: [16, 32], epochs: [5, 9]}",
            "tuning.early_stopping=false",
            "serving.int8=true",
            "gate.champion_tolerance=null",
            "gate.coverage_at={accuracy: 0.95, minimum: 0.7}",
            "serving.refuse_at=null",
            "serving.examples=null",
        ),
    ),
    (
        None,
        (
            *("tuning.strategy=Random", "tuning.settings_per_trial=7", "tuning.max_jobs=20"),
            "tuning.early_stopping=false",
            *("tuning.ranges.epochs={type: integer, min: 5, max: 9}", "tuning.ranges.lr=null"),
        ),
    ),
    ("local", ("data.test_in_train=fail", "tuning.ranges.epochs={type: integer, min: 5, max: 9}")),
    (None, ("features.with_prepare=true", "data.layout=class/split", "data.seed=7")),
    ("local", ("features.with_prepare=true", "data.test_in_train=off")),
)


@pytest.mark.xdist_group("sdk")
@pytest.mark.parametrize(("environment", "overrides"), SETTINGS)
def test_every_setting_that_decides_a_model_is_read_back(
    definition_of: DefinitionOf, environment: str | None, overrides: tuple[str, ...]
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", environment, overrides)
    expected = chosen_of(settings)
    trained = {name: f"0.{n}" for n, (name, _) in enumerate(settings.tuning.ranges.items())}
    told = {f"training.{name}": value for name, value in trained.items()}

    found = read_chosen(definition_of(settings), {}, trained)

    assert found.tuned == expected.tuned == told.keys()
    assert found.values == {**expected.values, **told}
    assert set(leaves(settings)) - LEFT_OUT - MAY_LACK <= expected.values.keys()


def leaves(settings: Settings) -> Iterator[str]:
    """The keys of what decides a model, as a person sets them."""
    for section in ("data", "preprocessing", "backbone", "features", "training"):
        yield from (f"{section}.{name}" for name in type(getattr(settings, section)).model_fields)
    yield from (f"tuning.{name}" for name in type(settings.tuning).model_fields if name != "ranges")
    yield from (f"tuning.ranges.{name}" for name, _ in settings.tuning.ranges.items())
    yield from (f"serving.{name}" for name in type(settings.serving).model_fields)
    yield from (f"gate.{name}" for name in type(settings.gate).model_fields)


@pytest.mark.xdist_group("sdk")
def test_a_run_has_the_parameters_that_it_was_given(definition_of: DefinitionOf) -> None:
    definition = definition_of(load_settings(ROOT / "pipeline.yaml", None, ()))
    found = read_chosen(definition, {"TuningMaxJobs": "3", "AccuracyThreshold": "0.5"})
    assert (found.values["tuning.max_jobs"], found.values["gate.accuracy_threshold"]) == (
        "3",
        "0.5",
    )
    assert "training.lr" not in found.values  # nobody knows yet what the tuner will choose


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"Steps": 3, "Parameters": "none"},
        {"Steps": [{"Name": "Prepare", "Arguments": {"AppSpecification": [1]}}]},
        {"Steps": [{"Name": "ExtractFeatures"}, {"Type": "Training"}, {"Type": "Tuning"}]},
        {"Steps": [{"Type": "Tuning", "Arguments": {"HyperParameterTuningJobConfig": {
            "ParameterRanges": {"CategoricalParameterRanges": ["x"]}}}}]},
    ],
)  # fmt: skip
def test_a_definition_of_somebody_else_tells_nothing_and_does_no_harm(
    definition: dict[str, Any],
) -> None:
    told = read_chosen(definition, {}).values
    assert not {key for key in told if not key.startswith("tuning.ranges.")}


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (None, "none"),
        ("s3://b/weights/torchvision-0.27.1/resnet50-DEFAULT.pth", "imagenet"),
        ("s3://b/weights/0123456789abcdef/dogs.pth", "dogs.pth (01234567)"),
        ("s3://mine/resnet.pth", "s3://mine/resnet.pth"),
    ],
)
def test_weights_are_named_as_they_were_asked_for(uri: str | None, name: str) -> None:
    assert weights_name(uri) == name


def test_settings_that_cannot_be_read_are_said_and_no_failure(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pipeline.yaml").write_text("project: [")
    assert read_defaults(tmp_path / "pipeline.yaml", None) is None
    error = capsys.readouterr().err
    assert error.startswith("warning: what runs differ in is not known: ")
    assert error.count("\n") == 1


def test_a_weights_file_that_is_gone_is_not_known(tmp_path: Any) -> None:
    weights = f"backbone.weights={tmp_path / 'gone.pth'}"
    found: Chosen = chosen_of(load_settings(ROOT / "pipeline.yaml", None, [weights]))
    assert "backbone.weights" not in found.values
