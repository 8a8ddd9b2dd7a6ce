"""Resolve data.decisions to an S3 address, and put the file there, as weights are.

The address holds the file's hash: what was decided differently is another input of Prepare.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pipeline.assets.weights import Exists, Put
from pipeline.errors import UsageError
from pipeline.settings.model import Settings
from training_code.decisions import UnusableDecisions, check_classes, read_decisions

_SETTING = "data.decisions"


class DecisionsError(UsageError):
    """A file of decisions is missing, or cannot be used as it is."""


def decisions_uri(settings: Settings) -> str | None:
    """Return where Prepare finds the decisions; None without any. Raises DecisionsError."""
    decisions = settings.data.decisions
    if decisions is None or decisions.startswith("s3://"):
        return decisions
    path = Path(decisions)
    digest = hashlib.sha256(_content(path)).hexdigest()[:16]
    return f"s3://{settings.bucket}/decisions/{digest}/{path.name}"


def stage_decisions(settings: Settings, put: Put, exists: Exists) -> None:
    """Put the decisions at their address unless they are there; a user's own s3:// is left alone.

    Raises DecisionsError.
    """
    uri, decisions = decisions_uri(settings), settings.data.decisions
    if uri is not None and decisions != uri and not exists(uri):
        put(uri, _content(Path(str(decisions))))


def check_decisions(settings: Settings, classes: Sequence[str] | None = None) -> None:
    """Check the decisions that are at hand; with `classes` also that they name these only.

    Raises DecisionsError.
    """
    decisions = settings.data.decisions
    if decisions is not None and not decisions.startswith("s3://"):
        check_content(_content(Path(decisions)), decisions, classes)


def check_content(content: bytes, name: str, classes: Sequence[str] | None = None) -> None:
    """Check the content of a file of decisions, as `check_decisions`. Raises DecisionsError."""
    try:
        found = read_decisions(content, name)
        if classes is not None:
            check_classes(found, classes, name)
    except UnusableDecisions as error:
        raise DecisionsError(f"{_SETTING}: {error}") from None


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DecisionsError(f"{_SETTING}: no file {path}; or s3://..., null")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecisionsError(f"{_SETTING}: {path} cannot be read: {error.strerror}") from None
