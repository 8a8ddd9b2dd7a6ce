"""Write what a command reports as one JSON document, for programs."""

import dataclasses
import json
import math
from collections.abc import Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any


def json_text(value: object) -> str:
    """Format a value as JSON: dataclasses by their fields, times in ISO 8601, paths as text.

    JSON has no word for a number that is none (nan, inf): it becomes null.
    """
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def json_line(value: object) -> str:
    """Format a value likewise in one line, for readers of a command that goes on."""
    return json.dumps(_plain(value), allow_nan=False)


def members_of(value: Any) -> dict[str, Any]:
    """Return a dataclass's members by name, for a document that has some more."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = members_of(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | Set):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):  # the picture of a page
        return f"{len(value)} bytes"
    return str(value) if isinstance(value, Path) else value
