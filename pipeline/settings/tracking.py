"""Define the `tracking` settings: where runs are logged in MLflow, for those who ask for it."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pipeline.settings.forms import Section

ARN = re.compile(
    r"arn:aws(?:-us-gov)?:sagemaker:(?P<region>[a-z0-9-]+):\d{12}:"
    r"mlflow-(?P<kind>tracking-server|app)/[\w-]+",
    re.ASCII,
)
_WANTED = (
    "a folder, sqlite:///file, http(s)://server, or the ARN of a tracking server or app of "
    "SageMaker's managed MLflow"
)
_FILES = ("file", "sqlite")


def why_not_mlflow(uri: str) -> str | None:
    """Say why runs cannot be logged there, without repeating it; None when they can.

    An address with a password is refused: it would be kept, and shown.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return f"is no address: give {_WANTED}"
    if not uri.strip() or any(ord(one) < ord(" ") for one in uri):
        return f"names nothing: give {_WANTED}"
    if not parts.scheme:
        return None  # a folder
    if parts.netloc and ("@" in parts.netloc or parts.query or parts.fragment):
        return (
            "holds more than a place: a name and password go into MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, a token into MLFLOW_TRACKING_TOKEN"
        )
    return None if _names_a_place(uri, parts) else f"is no place to log to: give {_WANTED}"


def _names_a_place(uri: str, parts: SplitResult) -> bool:
    if parts.scheme == "arn":
        return ARN.fullmatch(uri) is not None
    if parts.scheme in _FILES:
        return uri.startswith(f"{parts.scheme}:///") and bool(parts.path.strip("/"))
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _usable(uri: str) -> str:
    if why := why_not_mlflow(uri):
        raise PydanticCustomError("said", "{text}", {"text": why})
    return uri


class Tracking(Section):
    """Runs in MLflow: off without an address; no run waits for it or fails with it."""

    mlflow_uri: Annotated[str, AfterValidator(_usable)] | None = None
    experiment: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    max_artifact_mb: Annotated[int, Field(ge=1, le=100_000)] = 200
