"""Require the packages that local runs and endpoints need beyond the command line's own."""

from importlib.util import find_spec

from pipeline.errors import UsageError

_NEEDED = (
    *("PIL", "jinja2", "numpy", "optuna", "safetensors", "starlette"),
    *("torch", "torchvision", "uvicorn"),
)


def require_packages() -> None:
    """Raise UsageError when this environment was set up for AWS only."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"this needs {', '.join(missing)}, not installed here: "
            "python -m pip install -r requirements-local.txt, or make local"
        )
