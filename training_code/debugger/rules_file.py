"""Read and write debug/rules.json: what a training's rules found, and if debugging was lost."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DEBUG_FOLDER = "debug"  # below the job's output; the tensors lie there as well
RULES_FILE = "rules.json"


def write_rules(
    folder: Path,
    rules: Sequence[Any],
    stopped_by: str | None,
    lost: Exception | None,
    unmatched: Sequence[str] = (),
) -> None:
    """Write rules.json in `folder`.

    `rules` have name, status, step, tensor, message, parameters; `stopped_by` is the rule that
    ended the training; `lost` says why saving ended before the training did, if it did;
    `unmatched` are collections that no tensor belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reason = None if lost is None else error_text(lost)
    document = {
        "rules": list(rules),
        "stopped_by": stopped_by,
        "lost": reason,
        "unmatched": list(unmatched),
    }
    (folder / RULES_FILE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def keep_outcomes(folder: Path, model: Path) -> None:
    """Write into `model` how the rules judged in `folder` ended, for the card; nothing without."""
    if not (folder / RULES_FILE).is_file():
        return
    rules = json.loads((folder / RULES_FILE).read_text(encoding="utf-8"))["rules"]
    outcomes = [{name: one[name] for name in ("name", "status")} for one in rules]
    if outcomes:
        (model / RULES_FILE).write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")


def lost_because(folder: Path) -> str | None:
    """Return why saving tensors in `folder` ended before the training did; None if it did not."""
    try:
        reason = json.loads((folder / RULES_FILE).read_text(encoding="utf-8"))["lost"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return None if reason is None else str(reason)


def error_text(error: Exception) -> str:
    """Return an error's type and message, as one text."""
    return f"{type(error).__name__}: {error}"
