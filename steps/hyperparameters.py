"""Define train.py's hyperparameters: which can be tuned, and the values of the others."""

from collections.abc import Iterable

from pipeline.job_scripts.hyperparameters import Hyperparameter, training_settings
from pipeline.job_scripts.searched import SEARCHED, write_searched
from pipeline.settings.drawing import drawn_table, is_in_parts
from pipeline.settings.model import CategoricalRange, Range, Settings
from training_code.searching.settings_table import SETTINGS


def fixed_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return the hyperparameters that are not tuned, with their values from the settings."""
    tuned = dict(settings.tuning.ranges.items())
    known = training_settings().values()
    every = (one for one in known if one.tunable or one.trials)
    return _told(settings, (one for one in every if one.name not in tuned))


def fine_tuning_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return those of the final training alone, with their values from the settings."""
    return _told(settings, (one for one in training_settings().values() if not one.tunable))


def _told(settings: Settings, chosen: Iterable[Hyperparameter]) -> dict[str, str]:
    values = {one: getattr(settings.training, one.name) for one in chosen}
    told = {one: value for one, value in values.items() if not one.quiet or value != one.default}
    return {one.name: hyperparameter(value) for one, value in told.items()}


def search_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return what trials that search several settings each are told; else nothing."""
    tuning = settings.tuning
    if not is_in_parts(tuning):
        return {}
    most = None if tuning.strategy == "Grid" else tuning.max_jobs
    ranges = {name: _range_words(values) for name, values in tuning.ranges.items()}
    return {
        SETTINGS: drawn_table(settings),
        SEARCHED: write_searched(tuning.strategy, most, tuning.settings_per_trial, ranges),
        "objective": tuning.objective,
        "stop_early": hyperparameter(tuning.early_stopping),
    }


def _range_words(values: Range) -> tuple[object, ...]:
    if isinstance(values, CategoricalRange):
        return (values.type, *values.values)
    return (values.type, values.min, values.max, values.scaling)


def knowing_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return how many known pictures the model may refuse, and how many examples it carries.

    What it does not do is left out.
    """
    names = ("refuse_at", "examples")
    asked = {name: getattr(settings.serving, name) for name in names}
    return {name: hyperparameter(value) for name, value in asked.items() if value is not None}


def hyperparameter(value: str | int | float | bool) -> str:
    """Format a value for SageMaker's API: text, which its toolkit reads as JSON where it can."""
    return str(value).lower() if isinstance(value, bool) else str(value)
