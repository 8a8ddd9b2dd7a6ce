"""Require mlflow-skinny, which is installed by those who ask for tracking alone."""

from importlib.util import find_spec

from pipeline.errors import UsageError
from pipeline.settings.model import Settings

INSTALL = "python -m pip install -c constraints.txt mlflow-skinny"


def is_installed() -> bool:
    """Check whether MLflow's client is there, without loading it."""
    found = find_spec("mlflow")
    return found is not None and found.origin is not None  # a folder of that name has none


def require_mlflow() -> None:
    """Raise UsageError where MLflow's client is not installed."""
    if not is_installed():
        raise UsageError(f"tracking needs mlflow-skinny, not installed here: {INSTALL}")


def require_when_asked(settings: Settings) -> None:
    """Raise UsageError where a run is to be tracked and cannot be."""
    if settings.tracking.mlflow_uri is not None and not is_installed():
        raise UsageError(
            f"tracking.mlflow_uri needs mlflow-skinny, not installed here: {INSTALL}, or set it "
            "to null"
        )
