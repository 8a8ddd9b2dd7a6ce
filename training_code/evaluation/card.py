"""Say in words what a test and its data were, for the model card of SageMaker's registry.

The card is a JSON text that SageMaker joins together from pieces. These words stand in it between
quotes, so they hold no quotes, no backslashes and nothing that does not print.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from debugger.rules_file import RULES_FILE

_LONGEST = 1024  # characters of a card's own detail
_WEAKEST = 10
_REPLACED = {'"': "'", "\\": "/"}


def card_section(
    info: Mapping[str, Any], evaluation: Mapping[str, Any], rules: str
) -> dict[str, str]:
    """Return the `card` section of evaluation.json, from the rest of it and dataset.json."""
    said = {
        "observation": evaluation["coverage"]["summary"],
        "data": _data(info),
        "weak_classes": _weak_classes(evaluation["multiclass_classification_metrics"]["per_class"]),
        "rules": rules,
    }
    return {name: plain(text) for name, text in said.items()}


def plain(text: str) -> str:
    """Return a text that can stand in JSON's quotes as it is, within the length of a detail."""
    kept = "".join(_REPLACED.get(one, one if one.isprintable() else " ") for one in text)
    return kept if len(kept) <= _LONGEST else f"{kept[: _LONGEST - 1]}…"


def _data(info: Mapping[str, Any]) -> str:
    sums = {split: sum(counts.values()) for split, counts in info["counts"].items()}
    pictures = ", ".join(f"{split} {count}" for split, count in sums.items())
    return f"{len(info['classes'])} classes; {pictures} pictures"


def _weak_classes(classes: Mapping[str, Mapping[str, Any]]) -> str:
    """Name the classes that are recognised least, of those that are not always recognised."""
    known = [(facts["recall"], name) for name, facts in classes.items() if facts["count"]]
    weak = sorted(one for one in known if one[0] < 1)[:_WEAKEST]
    named = ", ".join(f"{name} {recall:.1%}" for recall, name in weak)
    return named or "none: every test picture was recognised"


def rules_text(model: Path) -> str:
    """Say how the debugger's rules ended, as the unpacked artifact in `model` tells."""
    try:
        outcomes = json.loads((model / RULES_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "no rules ran in the training job itself"
    return ", ".join(f"{one['name']}: {one['status']}" for one in outcomes)
