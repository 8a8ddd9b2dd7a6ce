"""Define train.py's hyperparameters: which can be tuned, and the values of the others."""

from pipeline.job_scripts.hyperparameters import training_settings, tunable_hyperparameters
from pipeline.settings.model import Settings


def fixed_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return the hyperparameters that are not tuned, with their values from the settings."""
    tuned = dict(settings.tuning.ranges.items())
    names = [name for name in (*tunable_hyperparameters(), "seed") if name not in tuned]
    return {name: hyperparameter(getattr(settings.training, name)) for name in names}


def fine_tuning_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return those of the final training alone, with their values from the settings."""
    names = [name for name, one in training_settings().items() if not one.tunable]
    return {name: hyperparameter(getattr(settings.training, name)) for name in names}


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
