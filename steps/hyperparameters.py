"""Define train.py's hyperparameters: which can be tuned, and the values of the others."""

from pipeline.settings.model import Ranges, Settings

TUNABLE = tuple(Ranges.model_fields)


def fixed_hyperparameters(settings: Settings) -> dict[str, str]:
    """Return the hyperparameters that are not tuned, with their values from the settings."""
    tuned = dict(settings.tuning.ranges.items())
    values = {name: getattr(settings.training, name) for name in (*TUNABLE, "seed")}
    return {name: hyperparameter(value) for name, value in values.items() if name not in tuned}


def hyperparameter(value: str | int | float | bool) -> str:
    """Format a value for SageMaker's API: text, which its toolkit reads as JSON where it can."""
    return str(value).lower() if isinstance(value, bool) else str(value)
