"""Read the default settings: those of a run from this tree that is told nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.assets.decisions import DecisionsError, decisions_uri
from pipeline.assets.weights import WeightsError, weights_uri
from pipeline.comparing.chosen import (
    NOT_TUNED,
    SERVING,
    Chosen,
    coverage_text,
    file_name,
    limits_text,
    values_text,
    weights_name,
)
from pipeline.job_scripts.hyperparameters import training_settings, tunable_hyperparameters
from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import load_settings
from pipeline.settings.model import CategoricalRange, Range, Settings

LOCAL_ENVIRONMENT = "local"
"""The environment of a run on this machine that names none."""

Told = Iterator[tuple[str, object]]


def read_defaults(path: Path, environment: str | None) -> Chosen | None:
    """Return what a run with the settings of a file has by default.

    None when the file cannot be used, which is said: what a run differs in is then not known.
    """
    try:
        return chosen_of(load_settings(path, environment, ()))
    except SettingsError as error:
        line = " ".join(str(error).split())
        print(f"warning: what runs differ in is not known: {line}", file=sys.stderr)
        return None


def chosen_of(settings: Settings) -> Chosen:
    """Return what a run with these settings has, as far as it is known before the run.

    Of what will be tuned it is the value that a training has which tunes nothing.
    """
    told = {key: value for key, value in _told(settings) if value is not None}
    tuned = frozenset(f"training.{name}" for name, _ in settings.tuning.ranges.items())
    return Chosen({key: _text(value) for key, value in told.items()}, tuned)


def _told(settings: Settings) -> Told:
    data, split = settings.data, settings.data.split
    yield "data.layout", data.layout
    yield "data.split", f"{split.train},{split.valid},{split.test}"
    yield "data.seed", data.seed
    yield "data.decisions", _decisions(settings)
    yield "data.test_in_train", data.test_in_train
    yield "preprocessing.resize", settings.preprocessing.resize
    yield "preprocessing.crop", settings.preprocessing.crop
    yield "backbone.name", settings.backbone.name
    yield "backbone.weights", _weights(settings)
    yield "backbone.seed", settings.backbone.seed
    yield from ((f"features.{name}", value) for name, value in settings.features.of_the_pass())
    for name in training_settings():
        yield f"training.{name}", getattr(settings.training, name)
    yield from ((f"serving.{name}", getattr(settings.serving, name)) for name in SERVING)
    yield from _tuning(settings)
    yield "gate.accuracy_threshold", settings.gate.accuracy_threshold
    yield "gate.champion_tolerance", settings.gate.champion_tolerance
    if (asked := settings.gate.coverage_at) is not None:
        yield "gate.coverage_at", coverage_text(asked.accuracy, asked.minimum)


def _tuning(settings: Settings) -> Told:
    tuning = settings.tuning
    yield "tuning.strategy", tuning.strategy
    yield "tuning.objective", tuning.objective
    yield "tuning.max_jobs", None if tuning.strategy == "Grid" else tuning.max_jobs
    yield "tuning.max_parallel_jobs", tuning.max_parallel_jobs
    yield "tuning.settings_per_trial", tuning.settings_per_trial
    yield "tuning.seed", tuning.seed
    yield "tuning.early_stopping", tuning.early_stopping
    ranges = dict(tuning.ranges.items())
    for name in tunable_hyperparameters():
        yield f"tuning.ranges.{name}", _range(ranges[name]) if name in ranges else NOT_TUNED


def _range(values: Range) -> str:
    if isinstance(values, CategoricalRange):
        return values_text(values.values)
    return limits_text(values.min, values.max, values.scaling)


def _weights(settings: Settings) -> str | None:
    try:
        return weights_name(weights_uri(settings))
    except WeightsError:
        return None  # a file that is gone: what it held is not known


def _decisions(settings: Settings) -> str | None:
    try:
        return file_name(decisions_uri(settings))
    except DecisionsError:
        return None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
